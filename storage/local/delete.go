package local

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

var (
	_ storage.BatchDeleter = (*Store)(nil)
	_ storage.Clock        = (*Store)(nil)
)

// Now implements [storage.Clock] with the clock of this host.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	if err := driver.CheckCall(ctx, storage.OpList, ""); err != nil {
		return time.Time{}, err
	}
	driver.CountRequest(ctx, storage.OpList)
	return time.Now(), nil
}

// Delete implements [storage.Storage]. Folders that become empty are removed, the root
// itself only if this store made it.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := driver.CheckCall(ctx, storage.OpDelete, key); err != nil {
		return err
	}
	driver.CountRequest(ctx, storage.OpDelete)
	kept, err := s.deleteAll(ctx, []string{key})
	if err != nil {
		return err
	}
	return kept[key]
}

// DeleteAll implements [storage.BatchDeleter]. Each folder is synced once. After a crash
// or a loss of power before it returns, any of the objects may exist, each whole.
func (s *Store) DeleteAll(ctx context.Context, keys []string) (map[string]error, error) {
	if err := storage.CheckDeleteAll(ctx, keys); err != nil || len(keys) == 0 {
		return nil, err
	}
	driver.CountRequest(ctx, storage.OpDelete)
	return s.deleteAll(ctx, keys)
}

func (s *Store) deleteAll(ctx context.Context, keys []string) (map[string]error, error) {
	kept := map[string]error{}
	removed := map[string][]string{} // keys by folder
	var stopped error
	for _, key := range keys {
		if ctx.Err() != nil {
			stopped = fail(storage.OpDelete, keys[0], context.Cause(ctx))
			break
		}
		dir, err := s.remove(key)
		switch err = asNotExist(err); {
		case err == nil:
			removed[dir] = append(removed[dir], key)
		case !errors.Is(err, storage.ErrNotExist):
			kept[key] = fail(storage.OpDelete, key, err)
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(removed)) {
		// A folder that is missing was removed because it was empty.
		if err := s.disk.Sync(dir); err != nil && !isMissing(err) {
			for _, key := range removed[dir] {
				kept[key] = fail(storage.OpDelete, key, err)
			}
			delete(removed, dir)
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(removed)) {
		s.tidy(dir, 0) // after all syncs: it removes folders above, too
	}
	if stopped != nil {
		return nil, stopped
	}
	return kept, nil
}

// remove removes the file of an object, and returns the folder that it was in.
func (s *Store) remove(key string) (dir string, err error) {
	// A folder is no object, but the system would remove an empty one.
	if _, err := s.head(key); err != nil {
		return "", err
	}
	path, err := s.path(key)
	if err != nil {
		return "", err
	}
	return filepath.Dir(path), s.disk.Remove(path)
}
