package archiver

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

// put is what became of an object that was to be in the store.
type put struct {
	fresh  bool // this call has put it
	proved bool // the store has shown that it has the right bytes
}

// keysTried is under how many keys an object is put, at most: where the first has a
// damaged one, the second is new, and a third one would be no accident.
const keysTried = 3

// putOnce makes sure that there is an object with these bytes under *key, which
// contains their hash. If there is one with that key, of an interrupted run, of
// another backup or of our own request whose answer was lost, it is used if its
// bytes are right; if they are not, the bytes go under another key, which *key is
// then: nothing is overwritten. there skips the first put, when the object was
// seen.
//
// A put that succeeded without a proof leaves it to the caller to look whether the
// object exists: see [upload.confirm] and [Store.putProved].
func (s *Store) putOnce(ctx context.Context, key *string, sum manifest.Digest, body []byte, there bool) (put, error) {
	var last error
	for range keysTried {
		sent := 0
		var result storage.PutResult
		var err error = storage.ErrPreconditionFailed
		if !there {
			result, err = again(ctx, s.patience, func() (storage.PutResult, error) {
				sent++
				return s.storage.Put(ctx, *key, bytes.NewReader(body), storage.PutOptions{IfAbsent: true, SHA256: (*[32]byte)(&sum)})
			})
		}
		if !mayExist(err) {
			return put{fresh: err == nil, proved: result.Proved}, err
		}
		right, readErr := s.holds(ctx, *key, sum, int64(len(body)))
		there = false
		switch {
		case readErr == nil && right:
			return put{fresh: sent > 1, proved: true}, nil // the second attempt met the first one
		case readErr == nil:
			if foreign := s.checkOrigin(ctx, *key); foreign != nil {
				return put{}, foreign
			}
			s.log.Warn("an object in the archive is damaged; its content is stored under another key", "key", *key)
			*key = manifest.AnotherKey(*key, manifest.NewID())
			last = &manifest.ObjectError{Key: *key, Problem: "it exists already, with other content"}
		case !errors.Is(err, storage.ErrPreconditionFailed):
			return put{}, err
		case errors.Is(readErr, storage.ErrNotExist):
			last = fmt.Errorf("the store says that %s is there, and that it is not", *key)
		default:
			return put{}, readErr
		}
	}
	return put{}, last
}

// putProved is putOnce for a single object: it looks where the answer proves nothing.
func (s *Store) putProved(ctx context.Context, key *string, sum manifest.Digest, body []byte) error {
	p, err := s.putOnce(ctx, key, sum, body, false)
	if err == nil && !p.proved {
		err = s.mustHave(ctx, *key, int64(len(body)))
	}
	return err
}

// mayExist tells whether the error of a conditional put can be that there is an
// object already: there are stores that call it a conflict every time, which is
// none of those that end by themselves.
func mayExist(err error) bool {
	return err != nil && (errors.Is(err, storage.ErrPreconditionFailed) || !final(err) && !errors.Is(err, storage.ErrUnavailable))
}

// holds tells whether the object has these bytes: by the hash that the store
// keeps of it, or by reading it.
func (s *Store) holds(ctx context.Context, key string, sum manifest.Digest, size int64) (bool, error) {
	info, err := s.storage.Head(ctx, key)
	if err == nil && info.Size != size {
		info, err = s.storage.Head(ctx, key) // before it is called damaged
	}
	if err != nil {
		return false, err
	}
	if info.Size != size || info.SHA256 != nil {
		return info.Size == size && *info.SHA256 == sum, nil
	}
	h := sha256.New()
	_, err = again(ctx, s.patience, func() (int64, error) {
		h.Reset()
		body, _, err := s.get(ctx, key, storage.Range{})
		if err != nil {
			return 0, answered(err)
		}
		defer body.Close() //nolint:errcheck // everything was read, or the error is reported
		return io.Copy(h, io.LimitReader(body, size+1))
	})
	return manifest.Digest(h.Sum(nil)) == sum, err
}

// errVanished: the store has said that it has stored an object, and does not have
// it.
var errVanished = errors.New("the store says that it has stored an object, and does not have it")

// mustHave makes sure that an object is there that the store has said it has
// stored, else it is [errVanished].
func (s *Store) mustHave(ctx context.Context, key string, bytes int64) error {
	info, err := s.storage.Head(ctx, key)
	if errors.Is(err, storage.ErrNotExist) || err == nil && info.Size != bytes {
		return fmt.Errorf("%w: %s", errVanished, key)
	}
	return err
}
