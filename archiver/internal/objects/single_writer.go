package objects

import (
	"context"
	"errors"
	"io"

	"github.com/gbak-s3/gbak-s3/storage"
)

// unconditional makes the best of a store that does not keep conditions, for a
// single writer: it looks before it writes.
type unconditional struct{ storage.Storage }

// ForSingleWriter returns s as a single writer may use it if the store does not
// support conditional writes.
func (s *Store) ForSingleWriter() *Store {
	alone := *s
	alone.Storage = unconditional{s.Storage}
	return &alone
}

// CheckOrigin implements [storage.OriginChecker], if the store does.
func (u unconditional) CheckOrigin(ctx context.Context, key string) error {
	if c, ok := u.Storage.(storage.OriginChecker); ok {
		return c.CheckOrigin(ctx, key)
	}
	return nil
}

// Put implements [storage.Storage], but for the promise of IfAbsent.
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
		err = Permanent(err) // the backend tries plain puts again by itself
	}
	return result, err
}
