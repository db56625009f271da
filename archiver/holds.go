package archiver

import (
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/hold"
)

// Hold is the claim of one archive on the log of a 0.6 database, like a replication slot
// of other databases: the database keeps what the archive does not have yet, through
// checkpoints and clean closes. Holds are stored in the database's backup_cursor.meta
// (docs/grafeo-format.md, section 6.5, and FORMAT.md, "The cursor").
type Hold struct {
	ArchiveID string
	Name      string    // [Options.Name] of the archive, for people
	LSN       uint64    // everything from this log position on is kept
	Epoch     uint64    // up to which the archive has everything
	Seq       uint64    // of the archive's newest backup, 0 before the first
	CommitID  string    // of that backup
	FileID    string    // identifies the database's file; "" if the file system cannot
	UpdatedAt time.Time // by the clock of the host that backs up
}

// HeldLog is a hold and the log that it costs.
type HeldLog struct {
	Hold Hold

	// Bytes is the log that the database keeps for this hold and does not need itself;
	// OnlyBytes is the part of it that no other hold needs, and that releasing this one
	// frees.
	Bytes     int64
	OnlyBytes int64

	// Age is the time since the hold last moved; negative if that is in the future by
	// this host's clock.
	Age time.Duration

	// Abandoned reports that nobody seems to back up into the archive any more: the
	// database keeps log for it that the most recently backed up archive no longer
	// needs, and has kept it for more than two weeks, or that log is more than 1 MiB
	// and more than a quarter of the database's image, which is more than the
	// difference between archives that are both backed up.
	Abandoned bool
}

// HoldReport says which holds make a database keep its log.
type HoldReport struct {
	Holds    []HeldLog
	LogBytes int64 // of the whole log, whatever it is kept for

	// ForeignCursor reports that something else wrote or moved the cursor: then there
	// are no holds.
	ForeignCursor bool
}

// heldLogs converts the holds that the room below reports.
func heldLogs(list []hold.Held) []HeldLog {
	var all []HeldLog
	for _, h := range list {
		all = append(all, HeldLog{Hold(h.Entry), h.Bytes, h.OnlyBytes, h.Age, h.Abandoned})
	}
	return all
}

func holdReport(r hold.Report) HoldReport {
	return HoldReport{heldLogs(r.Holds), r.LogBytes, r.ForeignCursor}
}
