package local

import (
	"context"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/gbak-s3/gbak-s3/storage"
)

var _ storage.Surveyor = (*Store)(nil)

// Survey implements [storage.Surveyor]: it tells how much room is left where the
// folder is, or will be.
func (s *Store) Survey(context.Context) storage.Surroundings {
	for dir := s.root; ; dir = filepath.Dir(dir) {
		var stat unix.Statfs_t
		if err := unix.Statfs(dir, &stat); err == nil {
			free := int64(stat.Bavail) * stat.Bsize //nolint:gosec // no file system is that large
			return storage.Surroundings{FreeBytes: &free}
		}
		if dir == filepath.Dir(dir) {
			return storage.Surroundings{}
		}
	}
}
