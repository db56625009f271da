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

// Named is the hold that people call by this name.
func Named(name string) func(Claim) bool {
	return func(o Claim) bool { return name != "" && (o.Name == name || o.ArchiveID == name) }
}

// Release ends the holds of which, and counts those that stay.
func Release(ctx context.Context, d disk.Disk, path string, which func(Claim) bool) (released bool, rest int, err error) {
	path, err = locate.Database(path)
	if err != nil {
		return false, 0, err
	}
	if _, err := grafeo.Identify(path); err != nil {
		return false, 0, locate.Missing(locate.InterruptedUpgrade(path, err))
	}
	err = changeCursor(ctx, d, path, func(holds []Claim) []Claim {
		stay := slices.DeleteFunc(slices.Clone(holds), which)
		released, rest = len(stay) < len(holds), len(stay)
		return stay
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
