package archiver

import (
	"context"
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
)

// Plan is what a restore would do.
type Plan struct {
	Full         uint64   // number of the full backup
	Incrementals []uint64 // numbers of the backups whose log continues it
	Backup       Backup   // the one that has the target

	Timeline int
	// OtherTimelines have the same epoch, with another content.
	OtherTimelines []int

	// Epoch and Time are those of the state that results; Time is nil where the
	// database keeps no times. Exact is false if the target was a time and the
	// state is that of the last backup before it, as the database keeps no
	// times, or if the log must be read to know the epoch.
	Epoch uint64
	Time  *time.Time
	Exact bool

	Objects     int   // segments that are fetched
	StoredBytes int64 // of these
	RawBytes    int64 // of the files that are written
	NeededBytes int64 // of these, that take room: the others are holes

	Spill *Spill // what of them is spilled vectors, nil if nothing is
}

// Plan says what Restore would do for a target. It reads manifests and indexes,
// and no segment.
func (a *Archive) Plan(ctx context.Context, target Target) (Plan, storage.RequestCounts, error) {
	var w *way
	requests, _, err := run(ctx, func(ctx context.Context) (err error) {
		w, err = a.wayTo(ctx, target)
		return err
	})
	if err != nil {
		return Plan{}, requests, err
	}
	return w.plan, requests, nil
}

// wayTo finds the way to a target.
func (a *Archive) wayTo(ctx context.Context, t Target) (*way, error) {
	h, err := a.backups(ctx, t)
	if err != nil {
		return nil, err
	}
	r, err := a.journal.routeTo(ctx, h, t)
	if err != nil {
		return nil, err
	}
	return a.journal.along(ctx, r, t)
}

// NoBackupError is the error for a backup that the archive does not have. The zero value
// is that for an archive that has none at all.
type NoBackupError struct {
	Seq         uint64 // that was asked for
	First, Last uint64 // that there are
}

func (e *NoBackupError) Error() string {
	if e.Last == 0 {
		return "the archive has no backup"
	}
	return fmt.Sprintf("there is no backup %d: the archive has %d to %d", e.Seq, e.First, e.Last)
}
