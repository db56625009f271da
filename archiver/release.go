package archiver

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
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
		released, _, err = release(ctx, a.disk, path, func(o Hold) bool { return o.ArchiveID == id })
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
	return releaseAny(ctx, path, func(Hold) bool { return true })
}

func releaseAny(ctx context.Context, path string, which func(Hold) bool) (bool, error) {
	released := false
	_, _, err := run(ctx, func(ctx context.Context) (err error) {
		released, _, err = release(ctx, disk.OS{}, path, which)
		return err
	})
	return released, err
}

// named is the hold that people call by this name.
func named(name string) func(Hold) bool {
	return func(o Hold) bool { return name != "" && (o.Name == name || o.ArchiveID == name) }
}

// release ends the holds of which, and counts those that stay.
func release(ctx context.Context, d disk.Disk, path string, which func(Hold) bool) (released bool, rest int, err error) {
	path, err = locate(path)
	if err != nil {
		return false, 0, err
	}
	if _, err := grafeo.Identify(path); err != nil {
		return false, 0, missing(interruptedUpgrade(path, err))
	}
	err = changeCursor(ctx, d, path, func(holds []Hold) []Hold {
		stay := slices.DeleteFunc(slices.Clone(holds), which)
		released, rest = len(stay) < len(holds), len(stay)
		return stay
	})
	if err == nil && !released && rest == 0 {
		// What holds the log may be beside another name.
		err = logIsSeen(ctx, path, true)
	}
	if errors.Is(err, errForeignCursor) {
		return false, 0, fmt.Errorf("%s: %w", grafeo.CursorPath(path), err)
	}
	return released, rest, err
}
