// Package throttle limits how fast objects are sent to a store and fetched from it, so that
// something is left of the network for others.
//
// A [Limit] is shared by all stores, and all of their callers, that are given the same one.
// Only the content of objects is limited; Head, List and Delete pass, and what [Limits].Pass
// names: what is small and on which others wait should not queue behind what is large.
package throttle

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
)

// Limits are those of one store. A nil Limit is none.
type Limits struct {
	Upload, Download *Limit

	// Pass reports whether the objects with a key are not limited; nil for none.
	Pass func(key string) bool
}

// New returns a store in front of next. It is a [storage.BatchDeleter], a [storage.Clock],
// a [storage.Inspector], a [storage.Locker], a [storage.Tamperer], a [storage.OriginChecker]
// and a [storage.NeighbourLister] as far as next is.
func New(next storage.Storage, l Limits) storage.Storage {
	if l.Pass == nil {
		l.Pass = func(string) bool { return false }
	}
	return &store{next, l}
}

type store struct {
	storage.Storage
	limits Limits
}

// Put implements [storage.Storage]. What a backend reads of the body a second time, to hash
// it or after a failure, is not limited again.
func (s *store) Put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.PutResult, error) {
	if s.limits.Upload == nil || s.limits.Pass(key) {
		return s.Storage.Put(ctx, key, body, opts)
	}
	start, err := body.Seek(0, io.SeekCurrent)
	if err != nil {
		return storage.PutResult{}, &storage.Error{Op: storage.OpPut, Key: key, Err: err}
	}
	return s.Storage.Put(ctx, key, &upload{ctx, body, s.limits.Upload, start, start}, opts)
}

// upload is the body of a Put. It is not for concurrent use.
type upload struct {
	ctx   context.Context // of the Put
	body  io.ReadSeeker
	limit *Limit
	at    int64 // offset of the next byte
	done  int64 // up to where the limit has been asked
}

func (u *upload) Read(p []byte) (int, error) {
	n, err := u.body.Read(p[:min(len(p), pieceBytes)])
	u.at += int64(n)
	if fresh := u.at - u.done; fresh > 0 {
		if err := u.limit.Wait(u.ctx, int(fresh)); err != nil {
			return 0, err
		}
		u.done = u.at
	}
	return n, err
}

func (u *upload) Seek(offset int64, whence int) (int64, error) {
	at, err := u.body.Seek(offset, whence)
	if err == nil {
		u.at = at
	}
	return at, err
}

// Get implements [storage.Storage].
func (s *store) Get(ctx context.Context, key string, r storage.Range) (io.ReadCloser, storage.ObjectInfo, error) {
	body, info, err := s.Storage.Get(ctx, key, r)
	if err != nil || s.limits.Download == nil || s.limits.Pass(key) {
		return body, info, err
	}
	return &download{body, ctx, key, s.limits.Download}, info, nil
}

// download is the body that a Get returns.
type download struct {
	io.ReadCloser
	ctx   context.Context // of the Get
	key   string
	limit *Limit
}

func (d *download) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p[:min(len(p), pieceBytes)])
	if failed := d.limit.Wait(d.ctx, n); failed != nil && (err == nil || errors.Is(err, io.EOF)) {
		return 0, &storage.Error{Op: storage.OpGet, Key: d.key, Err: failed}
	}
	return n, err
}

// DeleteAll implements [storage.BatchDeleter].
func (s *store) DeleteAll(ctx context.Context, keys []string) (map[string]error, error) {
	return storage.DeleteAll(ctx, s.Storage, keys)
}

// Now implements [storage.Clock], if the store does.
func (s *store) Now(ctx context.Context) (time.Time, error) { return storage.Now(ctx, s.Storage) }

// Inspect implements [storage.Inspector]; a store that is none has nothing to show.
func (s *store) Inspect(ctx context.Context) storage.StoreInfo {
	if i, ok := s.Storage.(storage.Inspector); ok {
		return i.Inspect(ctx)
	}
	return storage.StoreInfo{}
}

// ReadObjectLock implements [storage.Locker], if the store does.
func (s *store) ReadObjectLock(ctx context.Context) (storage.ObjectLock, error) {
	return storage.ReadObjectLock(ctx, s.Storage)
}

// Unwrap returns the store behind this one, for what passes as it is.
func (s *store) Unwrap() storage.Storage { return s.Storage }

// TurnVersion implements [storage.VersionTurner], if the store does.
func (s *store) TurnVersion(ctx context.Context, key string) (int, error) {
	if t, ok := s.Storage.(storage.VersionTurner); ok {
		return t.TurnVersion(ctx, key)
	}
	return 0, nil
}

// Tamper implements [storage.Tamperer], if the store does.
func (s *store) Tamper(ctx context.Context, key string, how storage.Tampering) (storage.TamperOutcome, error) {
	return storage.Tamper(ctx, s.Storage, key, how)
}

// CheckOrigin implements [storage.OriginChecker], if the store does.
func (s *store) CheckOrigin(ctx context.Context, key string) error {
	if c, ok := s.Storage.(storage.OriginChecker); ok {
		return c.CheckOrigin(ctx, key)
	}
	return nil
}

// Neighbours implements [storage.NeighbourLister], if the store does.
func (s *store) Neighbours(ctx context.Context, key string) ([]string, error) {
	if n, ok := s.Storage.(storage.NeighbourLister); ok {
		return n.Neighbours(ctx, key)
	}
	return nil, nil
}
