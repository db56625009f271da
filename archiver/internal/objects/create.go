package objects

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// This file is what makes sure that an object is in the store, with the right
// bytes, before a manifest names it.

// Created is what became of an object that was to be in the store.
type Created struct {
	Fresh  bool // this call has put it
	Proved bool // the store has shown that it has the right bytes
}

// keysTried is under how many keys an object is put, at most: where the first has a
// damaged one, the second is new, and a third one would be no accident.
const keysTried = 3

// Create makes sure that there is an object with these bytes under *key, which
// contains their hash. If there is one with that key, of an interrupted run, of
// another backup or of our own request whose answer was lost, it is used if its
// bytes are right; if they are not, the bytes go under another key, which *key is
// then: nothing is overwritten. there skips the first put, when the object was
// seen.
//
// A put that succeeded without a proof leaves it to the caller to look whether the
// object exists: see [upload.confirm] and [Store.putProved].
func (s *Store) Create(ctx context.Context, key *string, sum manifest.Digest, body []byte, there bool) (Created, error) {
	var last error
	for range keysTried {
		sent := 0
		var result storage.PutResult
		var err error = storage.ErrPreconditionFailed
		if !there {
			result, err = Retry(ctx, s.Patience, func() (storage.PutResult, error) {
				sent++
				return s.Storage.Put(ctx, *key, bytes.NewReader(body), storage.PutOptions{IfAbsent: true, SHA256: (*[32]byte)(&sum)})
			})
		}
		if !MayExist(err) {
			return Created{Fresh: err == nil, Proved: result.Proved}, err
		}
		right, readErr := s.holds(ctx, *key, sum, int64(len(body)))
		there = false
		switch {
		case readErr == nil && right:
			return Created{Fresh: sent > 1, Proved: true}, nil // the second attempt met the first one
		case readErr == nil:
			if foreign := s.checkOrigin(ctx, *key); foreign != nil {
				return Created{}, foreign
			}
			s.Log.Warn("an object in the archive is damaged; its content is stored under another key", "key", *key)
			*key = manifest.AnotherKey(*key, manifest.NewID())
			last = &manifest.ObjectError{Key: *key, Problem: "it exists already, with other content"}
		case !errors.Is(err, storage.ErrPreconditionFailed):
			return Created{}, err
		case errors.Is(readErr, storage.ErrNotExist):
			last = fmt.Errorf("the store says that %s is there, and that it is not", *key)
		default:
			return Created{}, readErr
		}
	}
	return Created{}, last
}

// CreateProved is putOnce for a single object: it looks where the answer proves nothing.
func (s *Store) CreateProved(ctx context.Context, key *string, sum manifest.Digest, body []byte) error {
	p, err := s.Create(ctx, key, sum, body, false)
	if err == nil && !p.Proved {
		err = s.CheckStored(ctx, *key, int64(len(body)))
	}
	return err
}

// MayExist tells whether the error of a conditional put can be that there is an
// object already: there are stores that call it a conflict every time, which is
// none of those that end by themselves.
func MayExist(err error) bool {
	return err != nil && (errors.Is(err, storage.ErrPreconditionFailed) || !IsPermanent(err) && !errors.Is(err, storage.ErrUnavailable))
}

// holds tells whether the object has these bytes: by the hash that the store
// keeps of it, or by reading it.
func (s *Store) holds(ctx context.Context, key string, sum manifest.Digest, size int64) (bool, error) {
	info, err := s.Storage.Head(ctx, key)
	if err == nil && info.Size != size {
		info, err = s.Storage.Head(ctx, key) // before it is called damaged
	}
	if err != nil {
		return false, err
	}
	if info.Size != size || info.SHA256 != nil {
		return info.Size == size && *info.SHA256 == sum, nil
	}
	h := sha256.New()
	_, err = Retry(ctx, s.Patience, func() (int64, error) {
		h.Reset()
		body, _, err := s.Get(ctx, key, storage.Range{})
		if err != nil {
			return 0, Permanent(err)
		}
		defer body.Close()
		return io.Copy(h, io.LimitReader(body, size+1))
	})
	return manifest.Digest(h.Sum(nil)) == sum, err
}

// ErrLost: the store has said that it has stored an object, and does not have
// it.
var ErrLost = errors.New("the store says that it stored an object, but does not have it")

// CheckStored makes sure that an object is there that the store has said it has
// stored, else it is [errVanished].
func (s *Store) CheckStored(ctx context.Context, key string, bytes int64) error {
	info, err := s.Storage.Head(ctx, key)
	if errors.Is(err, storage.ErrNotExist) || err == nil && info.Size != bytes {
		return fmt.Errorf("%w: %s", ErrLost, key)
	}
	return err
}
