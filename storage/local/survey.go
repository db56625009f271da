package local

import (
	"context"

	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/storage"
)

var _ storage.Surveyor = (*Store)(nil)

// Survey implements [storage.Surveyor]: it tells how much room is left where the
// folder is, or will be.
func (s *Store) Survey(context.Context) storage.Surroundings {
	room, ok := disk.RoomAt(s.root)
	if !ok {
		return storage.Surroundings{}
	}
	return storage.Surroundings{FreeBytes: &room.Free}
}
