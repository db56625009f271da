package hold

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// IsNamed returns a function that reports whether an entry is of the archive with this name
// or id.
func IsNamed(name string) func(Entry) bool {
	return func(e Entry) bool { return name != "" && (e.Name == name || e.ArchiveID == name) }
}

// Release ends the holds that the function which selects, on the log of the database that
// path means (see [locate.Database]). It reports whether there was one, and how many
// others are left.
func Release(ctx context.Context, d disk.Disk, path string, which func(Entry) bool) (released bool, rest int, err error) {
	path, err = locate.Database(path)
	if err != nil {
		return false, 0, err
	}
	if err := locate.Identify(path); err != nil {
		return false, 0, err
	}
	err = changeCursor(ctx, d, path, func(entries []Entry) []Entry {
		left := slices.DeleteFunc(entries, which)
		released, rest = len(left) < len(entries), len(left)
		return left
	})
	if err == nil && !released && rest == 0 {
		// What holds the log may be beside another name.
		err = locate.CheckLog(ctx, path, true)
	}
	if errors.Is(err, ErrForeignCursor) {
		return false, 0, fmt.Errorf("%s: %w", grafeo.CursorPath(path), err)
	}
	return released, rest, err
}
