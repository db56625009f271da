package storage

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"
)

// MaxDelete is how many keys one DeleteAll may have: what S3 allows.
const MaxDelete = 1000

// BatchDeleter is a [Storage] that deletes many objects with one request. A backend need
// not be one: the function [DeleteAll] does the same with any Storage.
type BatchDeleter interface {
	// DeleteAll deletes the objects under keys, of which there are at most [MaxDelete];
	// more are [ErrTooManyKeys]. It may be called concurrently, also for the same keys.
	//
	// The map has an entry, an [*Error], for each key that is not known to be deleted. A
	// key without an entry is deleted, or did not exist. A key that the store's answer
	// does not mention has an entry.
	//
	// An error, an [*Error] for the first key, is about the call as a whole: the store
	// did not answer, or not about keys, or ctx ended. Then the map is nil, and each
	// of the objects may be deleted or not. The call may be repeated.
	//
	// If one of the keys is invalid, the error is [ErrInvalidKey], and names it. If ctx
	// has ended already, the error wraps its cause. In both cases nothing is deleted.
	// Without keys there is nothing to do.
	//
	// A backend retries the request as it retries others, but not single keys: keys
	// that the store was too busy for have [ErrUnavailable] and may be tried again.
	DeleteAll(ctx context.Context, keys []string) (map[string]error, error)
}

// DeleteAll is [BatchDeleter].DeleteAll of s. If s has no such method, it deletes the
// keys one by one, as [DeleteEach] does.
func DeleteAll(ctx context.Context, s Storage, keys []string) (map[string]error, error) {
	if b, ok := s.(BatchDeleter); ok {
		return b.DeleteAll(ctx, keys)
	}
	return DeleteEach(ctx, s, keys)
}

// deletesAtOnce is how many calls of Delete stand in for one of DeleteAll at a time.
const deletesAtOnce = 8

// DeleteEach fulfils the contract of [BatchDeleter] by calling s.Delete for each key,
// several at a time. It stops at an error that any other key would meet as well, such as
// [ErrUnavailable], which is then about the call as a whole.
func DeleteEach(ctx context.Context, s Storage, keys []string) (map[string]error, error) {
	if err := CheckDeleteAll(ctx, keys); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	kept := map[string]error{}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(deletesAtOnce)
	for _, key := range keys {
		group.Go(func() error {
			if ctx.Err() != nil {
				return &Error{Op: OpDelete, Key: key, Err: context.Cause(ctx)}
			}
			err := s.Delete(groupCtx, key)
			if err == nil {
				return nil
			}
			if groupCtx.Err() != nil || isAboutStore(err) {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			kept[key] = err
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return kept, nil
}

// isAboutStore reports whether err would meet every key.
func isAboutStore(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrNoStore) || errors.Is(err, ErrSettings) || errors.Is(err, ErrForeign)
}

// CheckDeleteAll begins a DeleteAll, as driver.CheckCall begins other operations: if it
// returns an error, DeleteAll must do nothing and return that error.
func CheckDeleteAll(ctx context.Context, keys []string) error {
	first := ""
	if len(keys) > 0 {
		first = keys[0]
	}
	if len(keys) > MaxDelete {
		return &Error{Op: OpDelete, Key: first, Err: ErrTooManyKeys}
	}
	for _, key := range keys {
		if err := CheckKey(key); err != nil {
			return &Error{Op: OpDelete, Key: key, Err: err}
		}
	}
	if ctx.Err() != nil {
		return &Error{Op: OpDelete, Key: first, Err: context.Cause(ctx)}
	}
	return nil
}
