package objects

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
)

// ForSingleWriter returns s as a single writer may use it if the store does not support
// conditional writes: it looks before it writes. Two writers at the same time may
// overwrite each other's objects.
func (s *Store) ForSingleWriter() *Store {
	alone := *s
	alone.Storage = unconditional{s.Storage}
	return &alone
}

// unconditional is a store that looks whether an object exists, and then writes it
// without a condition.
type unconditional struct{ storage.Storage }

// CheckOrigin implements [storage.OriginChecker], if the store does.
func (u unconditional) CheckOrigin(ctx context.Context, key string) error {
	if c, ok := u.Storage.(storage.OriginChecker); ok {
		return c.CheckOrigin(ctx, key)
	}
	return nil
}

// DeleteAll implements [storage.BatchDeleter].
func (u unconditional) DeleteAll(ctx context.Context, keys []string) (map[string]error, error) {
	return storage.DeleteAll(ctx, u.Storage, keys)
}

// Now implements [storage.Clock], if the store does.
func (u unconditional) Now(ctx context.Context) (time.Time, error) {
	return storage.Now(ctx, u.Storage)
}

// Put implements [storage.Storage], except for the promise of IfAbsent.
func (u unconditional) Put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.PutResult, error) {
	if !opts.IfAbsent {
		return u.Storage.Put(ctx, key, body, opts)
	}
	_, err := u.Head(ctx, key)
	if err == nil {
		return storage.PutResult{}, &storage.Error{Op: storage.OpPut, Key: key, Err: storage.ErrPreconditionFailed}
	}
	if !errors.Is(err, storage.ErrNotExist) {
		return storage.PutResult{}, err
	}
	opts.IfAbsent = false
	result, err := u.Storage.Put(ctx, key, body, opts)
	if err != nil {
		err = noRetry(err) // the backend retries plain puts by itself
	}
	return result, err
}
