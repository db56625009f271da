package archiver

import (
	"context"
	"errors"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Release ends the hold of this archive on the log of the database at path, and
// reports whether there was one. It is the one under the archive's name, as
// [ReleaseNamed] ends it; only if there is none is the archive asked for its id.
func (a *Archive) Release(ctx context.Context, path string) (bool, error) {
	released := false
	_, _, err := run(ctx, func(ctx context.Context) (err error) {
		rest := 0
		released, rest, err = release(ctx, a.disk, path, named(a.name))
		if err != nil || released || rest == 0 {
			return err
		}
		id := ""
		h, err := a.existing(ctx)
		gone, isGone := errors.AsType[*VanishedError](err)
		switch {
		case isGone:
			id = gone.Was.ArchiveID // which is all that is needed
		case err != nil:
			return err
		default:
			id = h.archive.ArchiveID
		}
		released, _, err = release(ctx, a.disk, path, func(o claim) bool { return o.ArchiveID == id })
		return err
	})
	return released, err
}

// ReleaseNamed ends the hold on the log of the database at path whose [Hold.Name]
// or [Hold.ArchiveID] is name, and reports whether there was one. The archive need
// not exist any more. Its next backup, if there is one, is a full one.
func ReleaseNamed(ctx context.Context, path, name string) (bool, error) {
	return releaseAny(ctx, path, named(name))
}

// ReleaseAll ends the holds of all archives on the log of the database at path,
// and reports whether there was one.
func ReleaseAll(ctx context.Context, path string) (bool, error) {
	return releaseAny(ctx, path, func(claim) bool { return true })
}

func releaseAny(ctx context.Context, path string, which func(claim) bool) (bool, error) {
	released := false
	_, _, err := run(ctx, func(ctx context.Context) (err error) {
		released, _, err = release(ctx, disk.OS{}, path, which)
		return err
	})
	return released, err
}

// Holds reports what holds the log of the database at path. It locks nothing.
func Holds(ctx context.Context, path string) (HoldReport, error) {
	var r HoldReport
	_, _, err := run(ctx, func(context.Context) (err error) {
		if path, err = locate(path); err != nil {
			return err
		}
		held, err := holdsOf(path, time.Now())
		r = holdReport(held)
		return err
	})
	return r, err
}
