package s3

import (
	"context"
	"errors"
	"slices"

	"github.com/gbak-s3/gbak-s3/storage"
)

var _ storage.VersionTurner = (*Store)(nil)

// maxTurns is how many versions of a key are tried: the oldest ones.
const maxTurns = 100

// TurnVersion implements [storage.VersionTurner] for a store that reads the oldest versions.
// When they were put is what MinIO was told, and locks may have been tampered with; but what
// has the right digest is what was stored.
func (s *Store) TurnVersion(ctx context.Context, key string) (int, error) {
	if !s.readsOldest() {
		return 0, nil
	}
	versions, err := s.versionsOf(ctx, key)
	if err != nil {
		return 0, fail(ctx, storage.OpList, key, err)
	}
	if len(versions) < 2 {
		return 0, nil
	}
	now, _ := s.found.get(key)
	at := slices.IndexFunc(versions, func(v version) bool { return v.id == now.id })
	s.found.add(versions[(at+1)%len(versions)])
	return len(versions), nil
}

// versionsOf returns the versions of a key that are read, the oldest first.
func (s *Store) versionsOf(ctx context.Context, key string) ([]version, error) {
	var all []version
	var last *version
	err := s.listVersions(ctx, key, "", func(page []version) error {
		if err := s.lookWhenPut(ctx, page, last); err != nil {
			return err
		}
		for i := range page {
			if page[i].key != key {
				return errStopped
			}
			if !page[i].marker && !s.isHidden(&page[i]) {
				all = append(all, page[i])
			}
		}
		if len(all) > 2*maxTurns {
			all = oldestFirst(all)[:maxTurns]
		}
		return nil
	})
	if err != nil && !errors.Is(err, errStopped) {
		return nil, err
	}
	all = oldestFirst(all)
	return all[:min(len(all), maxTurns)], nil
}

// oldestFirst sorts the versions of a key, of which a list has the newest first.
func oldestFirst(versions []version) []version {
	slices.Reverse(versions)
	slices.SortStableFunc(versions, func(a, b version) int {
		switch {
		case a.isBefore(&b) && !b.isBefore(&a):
			return -1
		case b.isBefore(&a) && !a.isBefore(&b):
			return 1
		}
		return 0
	})
	return versions
}
