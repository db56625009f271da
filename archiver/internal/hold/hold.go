package hold

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Claim is the claim of one archive on the log of a 0.6 database: the database
// keeps what the archive does not have yet, over checkpoints and clean closes.
// Holds stand in the database's backup_cursor.meta (docs/grafeo-format.md,
// section 6.5, and FORMAT.md, "The cursor").
type Claim struct {
	ArchiveID string    `json:"archive_id"`
	Name      string    `json:"name"`       // [Options.Name] of the archive, for people
	LSN       uint64    `json:"lsn"`        // everything from this log position on is kept
	Epoch     uint64    `json:"epoch"`      // that the archive has
	Seq       uint64    `json:"seq"`        // of its newest backup, 0 before the first
	CommitID  string    `json:"commit_id"`  // of that backup
	FileID    string    `json:"file_id"`    // of the database's file then, "" if the file system cannot tell
	UpdatedAt time.Time `json:"updated_at"` // by the clock of the host that backs up
}

// ErrForeignCursor is the error for a cursor that somebody else has written, or
// has moved: it is left alone.
var ErrForeignCursor = errors.New(grafeo.CursorName + " is not ours: somebody else wrote or moved the cursor")

// Holding is the part of one backup run that keeps the log.
type Holding struct {
	disk      disk.Disk
	path      string
	archiveID string
	name      string
	fileID    string // of the database's file, before anything of it was read
	now       time.Time
	anew      bool // what holds under this name or id so far is over when the run has committed

	Began   bool // by this run
	Foreign bool // somebody else's cursor is there, nothing is held
	before  *Claim
}

// Keeper is the archive for which a database keeps its log.
type Keeper struct {
	Disk disk.Disk
	Name string // what people call it
	Log  *slog.Logger
}

// Begin makes the database keep its log for this archive from now on, if it does
// not yet: from the oldest position that is there. That is before anything is
// read, so that nothing that the backup will need next time can be cut away
// after it was looked for. That it cannot be held, as in a folder that is read
// only, makes no backup fail: the next one may have to be a full one.
func Begin(ctx context.Context, k Keeper, path, archiveID string, anew bool) *Holding {
	h := &Holding{disk: k.Disk, path: path, archiveID: archiveID, name: k.Name, fileID: disk.Identity(path), now: manifest.Now(), anew: anew}
	image, err := grafeo.ReadDatabase(path)
	if err != nil || image.Generation != grafeo.Gen06 {
		return nil // what is wrong, the backup will say; 0.5 has nothing that holds the log
	}
	if err := h.begin(ctx, image.CheckpointLSN); err != nil {
		k.Log.Warn("the database does not hold its log for this archive", "cursor", grafeo.CursorPath(path), "err", err)
		if h.Foreign = errors.Is(err, ErrForeignCursor); !h.Foreign {
			return nil
		}
	}
	return h
}

func (h *Holding) begin(ctx context.Context, checkpoint uint64) error {
	lsn, err := grafeo.OldestLSN(grafeo.LogDir(h.path), checkpoint)
	if err != nil {
		return err
	}
	return changeCursor(ctx, h.disk, h.path, func(holds []Claim) []Claim {
		// An address has one archive: what else holds under its name is of a first
		// backup that was killed, or, until this run has committed, of an archive that
		// is gone.
		holds = slices.DeleteFunc(slices.Clone(holds), func(o Claim) bool { return h.replaces(o) && o.Seq == 0 })
		if i := h.index(holds); i >= 0 {
			h.before = &holds[i]
			h.Began = holds[i].Seq == 0 // by a run that was killed, or lost a race
			return holds
		}
		h.Began = true
		return append(holds, Claim{ArchiveID: h.archiveID, Name: h.name, LSN: lsn, UpdatedAt: h.now})
	})
}

// replaces reports whether o is of another archive at the same address.
func (h *Holding) replaces(o Claim) bool {
	return o.Name != "" && o.Name == h.name && o.ArchiveID != h.archiveID
}

func (h *Holding) index(holds []Claim) int {
	return slices.IndexFunc(holds, func(o Claim) bool { return o.ArchiveID == h.archiveID })
}

// Since tells whether the log was held for the archive from backup b on, and the
// database's file is the same one still.
func (h *Holding) Since(b *manifest.Committed) bool {
	return h != nil && h.before != nil && b != nil && h.before.CommitID == b.CommitID &&
		h.before.FileID != "" && h.before.FileID == h.fileID
}

// Advance lets the database drop the log that the archive has with backup b:
// all before the segment with b's last commit, by which the next run knows that
// the history is the same. If b ends without a commit, nothing may be dropped:
// then it is by where the log begins that the next run tells the history from
// another one.
func (h *Holding) Advance(ctx context.Context, b *manifest.Committed) error {
	if h == nil || h.Foreign {
		return nil
	}
	ctx, cancel := disk.Settling(ctx)
	defer cancel()
	var lsn uint64
	if c := b.Position.Commit; c != nil {
		lsn = c.StartFile
	}
	err := changeCursor(ctx, h.disk, h.path, func(holds []Claim) []Claim {
		holds = slices.DeleteFunc(slices.Clone(holds), h.replaces)
		now := Claim{h.archiveID, h.name, lsn, b.EndEpoch, uint64(b.Seq), b.CommitID, h.fileID, h.now}
		if i := h.index(holds); i >= 0 {
			if holds[i].Seq > now.Seq && !h.anew {
				return holds // another run was faster
			}
			if same := holds[i]; same.CommitID == now.CommitID && same.LSN == now.LSN && same.FileID == now.FileID {
				return holds
			}
			holds[i] = now
			return holds
		}
		return append(holds, now)
	})
	if errors.Is(err, ErrForeignCursor) {
		h.Foreign = true
		return nil
	}
	return err
}

// Undo ends a hold that a run began that then failed.
func (h *Holding) Undo(ctx context.Context) {
	if h == nil || !h.Began {
		return
	}
	ctx, cancel := disk.Settling(ctx)
	defer cancel()
	_ = changeCursor(ctx, h.disk, h.path, func(holds []Claim) []Claim { // the failure that led here is the one to report
		return slices.DeleteFunc(slices.Clone(holds), func(o Claim) bool { return o.ArchiveID == h.archiveID && o.Seq == 0 })
	})
}
