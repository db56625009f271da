package objects

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Created is what became of an object that was to be stored.
type Created struct {
	Key    string // that it has
	Fresh  bool   // this call has stored it
	Proved bool   // the store has shown that it has the right bytes

	// PutAt is when it was put, by the store's clock; the zero time if that is not known.
	PutAt time.Time
}

// maxKeys is under how many keys an object is put, at most: if the first one has a
// damaged object, the second is new, and a third would be no accident.
const maxKeys = 3

// Create makes sure that there is an object with these bytes. Its key contains their
// hash, so that an object which exists under it, of an interrupted run, of another
// backup, or of a request of ours whose answer was lost, is used if its bytes are right.
// If they are not, the bytes go under another key: nothing is overwritten. seen says
// that the object was seen, and skips the first put.
//
// If the object is not proved afterwards, it is for the caller to find out whether it
// exists: see [Store.CheckStored].
func (s *Store) Create(ctx context.Context, key string, sum manifest.Digest, body []byte, seen bool) (Created, error) {
	var last error
	for range maxKeys {
		puts := 0
		var result storage.PutResult
		var err error = storage.ErrPreconditionFailed
		if !seen {
			result, err = Retry(ctx, s.Patience, func() (storage.PutResult, error) {
				puts++
				return s.Storage.Put(ctx, key, bytes.NewReader(body), storage.PutOptions{IfAbsent: true, SHA256: (*[32]byte)(&sum)})
			})
		}
		if err == nil {
			return Created{Key: key, Fresh: true, Proved: result.Proved, PutAt: result.PutAt}, nil
		}
		if !MayExist(err) {
			return Created{}, err
		}
		putAt, right, readErr := s.HoldsSince(ctx, key, sum, int64(len(body)))
		seen = false
		switch {
		case readErr == nil && right:
			return Created{Key: key, Fresh: puts > 1, Proved: true, PutAt: putAt}, nil // a second attempt met the first one
		case readErr == nil:
			if foreign := s.checkOrigin(ctx, key); foreign != nil {
				return Created{}, foreign
			}
			s.Log.Warn("an object in the archive is damaged; its content is stored under another key", "key", key)
			last = &manifest.ObjectError{Key: key, Problem: "it exists already, with other content"}
			key = manifest.AnotherKey(key, manifest.NewID())
		case !errors.Is(err, storage.ErrPreconditionFailed):
			return Created{}, err
		case errors.Is(readErr, storage.ErrNotExist):
			last = fmt.Errorf("the store says both that %s exists and that it does not", key)
		default:
			return Created{}, readErr
		}
	}
	return Created{}, last
}

// CreateProved is [Store.Create] for a single object, and proves that it is stored. It
// returns the object's key.
func (s *Store) CreateProved(ctx context.Context, key string, sum manifest.Digest, body []byte) (string, error) {
	c, err := s.Create(ctx, key, sum, body, false)
	if err == nil && !c.Proved {
		err = s.CheckStored(ctx, c.Key, int64(len(body)))
	}
	return c.Key, err
}

// MayExist reports whether the error of a conditional put can mean that there is an
// object already. Some stores call that a conflict, which is no error of a kind of its
// own.
func MayExist(err error) bool {
	return err != nil && (errors.Is(err, storage.ErrPreconditionFailed) || !IsPermanent(err) && !errors.Is(err, storage.ErrUnavailable))
}

// Holds reports whether the object has these bytes: by the digest that the store keeps
// of it, or by reading it. If there is no object, the error is [storage.ErrNotExist].
func (s *Store) Holds(ctx context.Context, key string, sum manifest.Digest, size int64) (bool, error) {
	_, right, err := s.HoldsSince(ctx, key, sum, size)
	return right, err
}

// HoldsSince is [Store.Holds], and also says when the object was put.
func (s *Store) HoldsSince(ctx context.Context, key string, sum manifest.Digest, size int64) (putAt time.Time, right bool, err error) {
	info, err := s.Storage.Head(ctx, key)
	if err == nil && info.Size != size {
		info, err = s.Storage.Head(ctx, key) // before it is called damaged
	}
	if err != nil {
		return time.Time{}, false, err
	}
	if info.Size != size || info.SHA256 != nil {
		return info.ModTime, info.Size == size && *info.SHA256 == sum, nil
	}
	h := sha256.New()
	_, err = Retry(ctx, s.Patience, func() (struct{}, error) {
		h.Reset()
		return struct{}{}, s.readOnce(ctx, key, storage.Range{}, func(body io.Reader, _ storage.ObjectInfo) error {
			_, err := io.Copy(h, io.LimitReader(body, size+1))
			return err
		})
	})
	return info.ModTime, manifest.Digest(h.Sum(nil)) == sum, err
}

// ErrLost: the store has confirmed an object that it does not have.
var ErrLost = errors.New("the store says that it stored an object, but does not have it")

// CheckStored makes sure that an object that the store has confirmed exists with this
// size. Else the error is [ErrLost].
func (s *Store) CheckStored(ctx context.Context, key string, bytes int64) error {
	info, err := s.Storage.Head(ctx, key)
	if errors.Is(err, storage.ErrNotExist) || err == nil && info.Size != bytes {
		return fmt.Errorf("%w: %s", ErrLost, key)
	}
	return err
}
