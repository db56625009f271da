package archiver

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/gbak-s3/gbak-s3/storage"
)

// DefaultStoreTimeout is how long a store may be busy or gone before a run gives
// up.
const DefaultStoreTimeout = 2 * time.Minute

// tries is how often one segment or document is asked for before a run gives
// up, on top of what the backend does for a single request.
const tries = 4

// again calls f until it succeeds, fails for good, or has failed [tries] times;
// if the store is unavailable, also until patience is over since the first time.
// It is for what a backend does not retry: bodies that break off, and conditional
// puts of content that has one name and one value only.
func again[T any](ctx context.Context, patience time.Duration, f func() (T, error)) (T, error) {
	failed, first := 0, time.Time{}
	v, err := backoff.Retry(ctx, func() (T, error) {
		v, err := f()
		if err == nil {
			return v, nil
		}
		if failed++; failed == 1 {
			first = time.Now()
		}
		waits := errors.Is(err, storage.ErrUnavailable) && time.Since(first) < patience
		if final(err) || failed >= tries && !waits {
			err = backoff.Permanent(err)
		}
		return v, err
	}, backoff.WithBackOff(pauses()), backoff.WithMaxElapsedTime(0))
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		err = permanent.Err
	}
	return v, err
}

// answered marks the error of a request that the backend has tried again
// already: here it is final.
func answered(err error) error { return backoff.Permanent(err) }

// pauses grow from a tenth of a second to five, with jitter.
func pauses() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = 100 * time.Millisecond
	b.Multiplier = 2
	b.MaxInterval = 5 * time.Second
	return b
}

// final tells whether trying again cannot help: the store, the file system or
// the content itself has said no.
func final(err error) bool {
	for _, no := range []error{
		storage.ErrNotExist, storage.ErrPreconditionFailed, storage.ErrPermission, storage.ErrNoStore,
		storage.ErrInvalidKey, storage.ErrInvalidRange, errors.ErrUnsupported, fs.ErrPermission, fs.ErrNotExist,
		syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS, syscall.ENOTDIR, syscall.ENAMETOOLONG, syscall.ELOOP, context.Canceled,
	} {
		if errors.Is(err, no) {
			return true
		}
	}
	var object *ObjectError
	return errors.As(err, &object)
}
