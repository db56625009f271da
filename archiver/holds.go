package archiver

import (
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/hold"
)

// Hold is the claim of one archive on the log of a 0.6 database: the database
// keeps what the archive does not have yet, over checkpoints and clean closes.
// Holds stand in the database's backup_cursor.meta (docs/grafeo-format.md,
// section 6.5, and FORMAT.md, "The cursor").
type Hold struct {
	ArchiveID string
	Name      string    // [Options.Name] of the archive, for people
	LSN       uint64    // everything from this log position on is kept
	Epoch     uint64    // that the archive has
	Seq       uint64    // of its newest backup, 0 before the first
	CommitID  string    // of that backup
	FileID    string    // of the database's file then, "" if the file system cannot tell
	UpdatedAt time.Time // by the clock of the host that backs up
}

// HeldLog is a hold and what it costs.
type HeldLog struct {
	Hold Hold

	// Bytes is the log that the database keeps for this hold and has no need of
	// itself; OnlyBytes the part of it that no other hold needs, which goes with
	// this one.
	Bytes     int64
	OnlyBytes int64

	// Age is the time since the hold was moved; negative if that is in the future
	// by this host's clock.
	Age time.Duration

	// Abandoned reports that it looks as if no backup goes to the archive any more:
	// the log that the database keeps for it, beyond what the archive that needs least
	// needs, is kept for more than two weeks, or is more than 1 MiB and than a quarter
	// of the database's image, which is more than archives that are both backed up
	// are apart.
	Abandoned bool
}

// HoldReport is what holds the log of a database.
type HoldReport struct {
	Holds    []HeldLog
	LogBytes int64 // of all log that is there, whatever it is kept for

	// ForeignCursor reports that the cursor is somebody else's: then there are no
	// holds.
	ForeignCursor bool
}

// heldLogs makes public what the room hold knows.
func heldLogs(list []hold.Held) []HeldLog {
	var all []HeldLog
	for _, h := range list {
		all = append(all, HeldLog{Hold(h.Claim), h.Bytes, h.OnlyBytes, h.Age, h.Abandoned})
	}
	return all
}

func holdReport(r hold.Report) HoldReport {
	return HoldReport{heldLogs(r.Holds), r.LogBytes, r.ForeignCursor}
}
