package archiver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
	"github.com/gbak-s3/gbak-s3/archiver/internal/staging"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Present reports whether a database is at path, so that there is nothing to restore. It
// asks no store. It reads only the first bytes, so a database that is damaged further in
// also counts as present.
//
// A restore to path that was killed while it published is taken back first, as by the
// next restore. If the database is there, what a killed restore has left beside it is
// removed.
//
// If something else is there, the error is [CodeTargetExists]; if another restore to path
// is running, it is [CodeTargetBusy]. Nothing is there only if the result is false and the
// error is nil.
func Present(path string) (bool, error) {
	is, err := present(disk.OS{}, path)
	return is, explain(err)
}

func present(on disk.Disk, path string) (bool, error) {
	if path == "" {
		return false, errNoPath
	}
	target, err := filepath.Abs(path)
	if err != nil {
		return false, err
	}
	if err := staging.Settle(on, target); err != nil {
		return false, err
	}
	database, err := locate.Database(target)
	if err == nil {
		err = locate.Identify(database)
	}
	switch {
	case err == nil:
		err := staging.Clear(on, target)
		if as[*staging.TargetBusyError](err) { // by a restore that is going to replace it
			return false, err
		}
		return true, nil // what is left beside it harms nobody
	case as[*locate.UnfinishedUpgradeError](err), errors.Is(err, fs.ErrPermission):
		return false, err
	case as[*locate.MissingError](err):
		return false, staging.CheckAbsent(target)
	}
	if exists := staging.CheckAbsent(target); exists != nil {
		return false, fmt.Errorf("%w: %w", exists, err)
	}
	return false, err
}

// Neighbours returns the addresses of archives beside this one, one level up: other
// prefixes of its bucket, or folders beside its own. There may be more, and there are none
// if the store cannot look around. They are for people who find no archive because they
// have mistyped the address.
//
// If the place in which this archive would be does not exist, the error is [CodeNoStore].
func (a *Archive) Neighbours(ctx context.Context) (addresses []string, err error) {
	lister, ok := a.objects.Storage.(storage.NeighbourLister)
	if !ok {
		return nil, nil
	}
	_, _, err = run(ctx, nil, func(ctx context.Context) (err error) {
		addresses, err = lister.Neighbours(ctx, manifest.ArchiveKey)
		return err
	})
	return addresses, err
}
