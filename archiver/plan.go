package archiver

import (
	"context"
	"errors"
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
	requests, _, err := run(ctx, againRead, func(ctx context.Context) (err error) {
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

func noBackup() error {
	return &Error{
		Code: CodeNoBackup,
		Err:  errors.New("the archive has no backup"),
		Hint: "Its first backup was interrupted before it was committed. Run the backup again where the database is.",
	}
}
