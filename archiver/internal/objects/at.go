package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// OtherContentError is the error for an object that exists already, with other bytes. It was
// left alone.
type OtherContentError struct{ Key string }

func (e *OtherContentError) Error() string {
	return e.Key + ": it exists already, with other content"
}

// CreateAt makes sure that the object at key has these bytes, and that it is stored. It reports whether this
// call has stored it. Unlike [Store.Create] it takes no other key: if there is an object with other
// bytes, the error is an [*OtherContentError].
func (s *Store) CreateAt(ctx context.Context, key string, body []byte) (isFresh bool, err error) {
	isRight, isFresh, err := s.createAt(ctx, key, body)
	if isRight || err != nil {
		return isFresh, err
	}
	if foreign := s.checkOrigin(ctx, key); foreign != nil {
		return false, foreign
	}
	return false, &OtherContentError{key}
}

// CreateOnce is [Store.CreateAt] where other bytes are no error: it reports whether the object has these.
func (s *Store) CreateOnce(ctx context.Context, key string, body []byte) (isOurs bool, err error) {
	isOurs, _, err = s.createAt(ctx, key, body)
	return isOurs, err
}

// createAt puts an object if there is none. It reports whether the one at key has these bytes, and whether
// this call has stored it.
func (s *Store) createAt(ctx context.Context, key string, body []byte) (isRight, isFresh bool, err error) {
	sum := manifest.Sum(body)
	puts := 0
	result, err := Retry(ctx, s.Patience, func() (storage.PutResult, error) {
		puts++
		return s.Storage.Put(ctx, key, bytes.NewReader(body), storage.PutOptions{IfAbsent: true, SHA256: (*[32]byte)(&sum)})
	})
	switch {
	case err == nil && result.Proved:
		return true, true, nil
	case err == nil:
		return true, true, s.CheckStored(ctx, key, int64(len(body)))
	case !MayExist(err):
		return false, false, err
	}
	isRight, readErr := s.Holds(ctx, key, sum, int64(len(body)))
	switch {
	case readErr == nil:
		return isRight, isRight && puts > 1, nil // a second attempt met the first one
	case !errors.Is(err, storage.ErrPreconditionFailed):
		return false, false, err
	case errors.Is(readErr, storage.ErrNotExist):
		return false, false, fmt.Errorf("the store says both that %s exists and that it does not", key)
	}
	return false, false, readErr
}
