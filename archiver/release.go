package archiver

import (
	"context"
	"errors"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/hold"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Release releases the hold of this archive on the log of the database at path, and
// reports whether there was one. It looks for one under the archive's name, as
// [ReleaseNamed] does; only if there is none does it read the archive's id.
func (a *Archive) Release(ctx context.Context, path string) (bool, error) {
	released := false
	_, _, err := run(ctx, nil, func(ctx context.Context) (err error) {
		rest := 0
		released, rest, err = hold.Release(ctx, a.disk, path, hold.IsNamed(a.name))
		if err != nil || released || rest == 0 {
			return err
		}
		id := ""
		h, err := a.existingRecords(ctx, a.journal.OpenRecords)
		gone, isGone := errors.AsType[*journal.VanishedError](err)
		switch {
		case isGone:
			id = gone.Was.ArchiveID // which is all that is needed
		case err != nil:
			return err
		default:
			id = h.Archive.ArchiveID
		}
		released, _, err = hold.Release(ctx, a.disk, path, func(e hold.Entry) bool { return e.ArchiveID == id })
		return err
	})
	return released, err
}

// ReleaseNamed releases the hold on the log of the database at path whose [Hold.Name] or
// [Hold.ArchiveID] is name, and reports whether there was one. The archive need not exist
// any more. The next backup into it, if any, is a full one.
func ReleaseNamed(ctx context.Context, path, name string) (bool, error) {
	return releaseAny(ctx, path, hold.IsNamed(name))
}

// ReleaseAll releases the holds of all archives on the log of the database at path, and
// reports whether there was one.
func ReleaseAll(ctx context.Context, path string) (bool, error) {
	return releaseAny(ctx, path, func(hold.Entry) bool { return true })
}

func releaseAny(ctx context.Context, path string, which func(hold.Entry) bool) (bool, error) {
	released := false
	_, _, err := run(ctx, nil, func(ctx context.Context) (err error) {
		released, _, err = hold.Release(ctx, disk.OS{}, path, which)
		return err
	})
	return released, err
}

// Holds reports which holds make the database at path keep its log. It locks nothing.
func Holds(ctx context.Context, path string) (HoldReport, error) {
	var r HoldReport
	_, _, err := run(ctx, nil, func(context.Context) (err error) {
		if path, err = locate.Database(path); err != nil {
			return err
		}
		held, err := hold.Measure(path, time.Now())
		r = holdReport(held)
		return err
	})
	return r, err
}
