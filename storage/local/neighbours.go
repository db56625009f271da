package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/internal/shared"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

var _ storage.NeighbourLister = (*Store)(nil)

// Neighbours implements [storage.NeighbourLister]: it looks at the folders beside the
// store's own.
func (s *Store) Neighbours(ctx context.Context, key string) ([]string, error) {
	if err := driver.CheckCall(ctx, storage.OpList, key); err != nil {
		return nil, err
	}
	driver.CountRequest(ctx, storage.OpList)
	parent := filepath.Dir(s.root)
	entries, err := shared.ReadDir(parent)
	if errors.Is(err, fs.ErrNotExist) {
		err = &noFolderError{parent}
	}
	if err != nil {
		return nil, fail(storage.OpList, key, err)
	}
	var found []string
	looked := 0
	for _, e := range entries {
		at := filepath.Join(parent, e.Name())
		if at == s.root || !e.IsDir() {
			continue
		}
		if looked++; looked > storage.MaxNeighbours {
			break
		}
		if _, err := os.Stat(filepath.Join(at, filepath.FromSlash(key))); err == nil {
			found = append(found, at)
		}
	}
	return found, nil
}

// noFolderError is the error for a folder in which the store would be, and which does not
// exist: perhaps its disk is not mounted.
type noFolderError struct{ path string }

func (e *noFolderError) Error() string {
	return fmt.Sprintf("the folder %s does not exist", e.path)
}

// Unwrap returns [storage.ErrNoStore].
func (e *noFolderError) Unwrap() error { return storage.ErrNoStore }
