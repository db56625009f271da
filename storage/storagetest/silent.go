package storagetest

import (
	"context"
	"io"

	"github.com/gbak-s3/gbak-s3/storage"
)

// Silent is a store that proves no Put, like one whose entity tags are no checksums.
type Silent struct{ storage.Storage }

// Put implements [storage.Storage].
func (s Silent) Put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.PutResult, error) {
	result, err := s.Storage.Put(ctx, key, body, opts)
	result.Proved = false
	return result, err
}
