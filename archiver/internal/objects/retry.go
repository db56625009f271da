package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// DefaultTimeout is how long a store may be busy or gone before a run gives
// up.
const DefaultTimeout = 2 * time.Minute

// Tries is how often something is tried again that the store has refused in a way
// that may be final.
const Tries = 4

// Retry calls f until it succeeds or fails for good. What may pass, as the store is
// busy or gone, it tries until patience is over since the first time, and at least
// [tries] times; other failures [tries] times. So it takes the patience and one
// call, or tries calls, if these take longer; the error says how long it took. It is
// for what a backend does not retry: conditional puts of content that has one name
// and one value only, and content that arrives damaged. Bodies that break off are
// continued by [Archive.get].
func Retry[T any](ctx context.Context, patience time.Duration, f func() (T, error)) (T, error) {
	failed, first, began := 0, time.Time{}, time.Now()
	v, err := backoff.Retry(ctx, func() (T, error) {
		v, err := f()
		if err == nil {
			return v, nil
		}
		if failed++; failed == 1 {
			first = time.Now()
		}
		waits := IsTemporary(err) && time.Since(first) < patience
		if IsPermanent(err) || failed >= Tries && !waits {
			err = backoff.Permanent(err)
		}
		return v, err
	}, backoff.WithBackOff(Pauses()), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, wait time.Duration) { progress.Tell(ctx, progress.Retry{Err: err, Wait: wait}) }))
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		err = permanent.Err
	}
	if err != nil && failed > 1 && !IsPermanent(err) && ctx.Err() == nil {
		err = fmt.Errorf("%w (%s in %s)", err, attempts(failed), Round(time.Since(began)))
	}
	return v, err
}

// attempts counts them in words.
func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}

// Round rounds a time for people.
func Round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}

// IsTemporary reports whether err is no answer, or only a part of one: the same call
// may succeed later.
func IsTemporary(err error) bool {
	return errors.Is(err, storage.ErrUnavailable) || errors.Is(err, io.ErrUnexpectedEOF)
}

// Permanent marks the error of a request that the backend has tried again
// already: here it is final.
func Permanent(err error) error { return backoff.Permanent(err) }

// Pauses grow from a tenth of a second to five, with jitter.
func Pauses() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = 100 * time.Millisecond
	b.Multiplier = 2
	b.MaxInterval = 5 * time.Second
	return b
}

// IsPermanent tells whether trying again cannot help: the store, the file system or
// the content itself has said no.
func IsPermanent(err error) bool {
	for _, no := range []error{
		storage.ErrNotExist, storage.ErrPreconditionFailed, storage.ErrPermission, storage.ErrNoStore,
		storage.ErrInvalidKey, storage.ErrInvalidRange, storage.ErrNoConditionalPut, storage.ErrNoRoom, storage.ErrRefused, storage.ErrSettings, errors.ErrUnsupported, fs.ErrPermission, fs.ErrNotExist,
		syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS, syscall.ENOTDIR, syscall.ENAMETOOLONG, syscall.ELOOP, context.Canceled,
	} {
		if errors.Is(err, no) {
			return true
		}
	}
	var object *manifest.ObjectError
	var broken *brokenOffError
	return errors.As(err, &object) || errors.As(err, &broken)
}

// IsFromStore reports whether err is the store's, and not about what it holds.
func IsFromStore(err error) bool {
	_, ok := errors.AsType[*storage.Error](err)
	return ok
}
