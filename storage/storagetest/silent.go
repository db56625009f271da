package storagetest

import (
	"context"
	"io"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
)

// Silent is a store that proves no Put, like one whose entity tags are no checksums.
type Silent struct{ storage.Storage }

// DeleteAll implements [storage.BatchDeleter].
func (s Silent) DeleteAll(ctx context.Context, keys []string) (map[string]error, error) {
	return storage.DeleteAll(ctx, s.Storage, keys)
}

// Now implements [storage.Clock], if the store below does.
func (s Silent) Now(ctx context.Context) (time.Time, error) { return storage.Now(ctx, s.Storage) }

// Put implements [storage.Storage].
func (s Silent) Put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.PutResult, error) {
	result, err := s.Storage.Put(ctx, key, body, opts)
	result.Proved = false
	return result, err
}
