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
	sum := manifest.Sum(body)
	puts := 0
	result, err := Retry(ctx, s.Patience, func() (storage.PutResult, error) {
		puts++
		return s.Storage.Put(ctx, key, bytes.NewReader(body), storage.PutOptions{IfAbsent: true, SHA256: (*[32]byte)(&sum)})
	})
	switch {
	case err == nil && result.Proved:
		return true, nil
	case err == nil:
		return true, s.CheckStored(ctx, key, int64(len(body)))
	case !MayExist(err):
		return false, err
	}
	isRight, readErr := s.Holds(ctx, key, sum, int64(len(body)))
	switch {
	case readErr == nil && isRight:
		return puts > 1, nil // a second attempt met the first one
	case readErr == nil:
		if foreign := s.checkOrigin(ctx, key); foreign != nil {
			return false, foreign
		}
		return false, &OtherContentError{key}
	case !errors.Is(err, storage.ErrPreconditionFailed):
		return false, err
	case errors.Is(readErr, storage.ErrNotExist):
		return false, fmt.Errorf("the store says both that %s exists and that it does not", key)
	}
	return false, readErr
}
