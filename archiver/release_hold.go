package archiver

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// named is the hold that people call by this name.
func named(name string) func(claim) bool {
	return func(o claim) bool { return name != "" && (o.Name == name || o.ArchiveID == name) }
}

// release ends the holds of which, and counts those that stay.
func release(ctx context.Context, d disk.Disk, path string, which func(claim) bool) (released bool, rest int, err error) {
	path, err = locate(path)
	if err != nil {
		return false, 0, err
	}
	if _, err := grafeo.Identify(path); err != nil {
		return false, 0, missing(interruptedUpgrade(path, err))
	}
	err = changeCursor(ctx, d, path, func(holds []claim) []claim {
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
