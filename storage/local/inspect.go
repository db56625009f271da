package local

import (
	"context"

	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/storage"
)

var _ storage.Inspector = (*Store)(nil)

// Inspect implements [storage.Inspector]: it reads how much space is left where the
// folder is, or will be.
func (s *Store) Inspect(context.Context) storage.StoreInfo {
	space, ok := disk.SpaceAt(s.root)
	if !ok {
		return storage.StoreInfo{}
	}
	return storage.StoreInfo{FreeBytes: &space.Free}
}
