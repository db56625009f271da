package objects

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
)

// DefaultPatience is how long a store may be busy or unreachable before a run gives up.
const DefaultPatience = 2 * time.Minute

// Attempts is how many attempts there are, at most, at what fails in a way that may be
// final.
const Attempts = 4

// Retry calls f until it succeeds or fails for good. While its errors are temporary it
// is called until the patience is over since the first of them, and at least [Attempts]
// times; for other errors that are not permanent, [Attempts] times. The error says how
// many attempts there were, and how long they took.
//
// It is for what a backend does not retry: conditional puts of content that has one name
// and one value only, and content that arrives damaged. Bodies that break off are
// continued by [Store.Get].
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
		waits := isTemporary(err) && time.Since(first) < patience
		if IsPermanent(err) || failed >= Attempts && !waits {
			err = backoff.Permanent(err)
		}
		return v, err
	}, backoff.WithBackOff(Pauses()), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, wait time.Duration) { progress.Tell(ctx, progress.Retry{Err: err, Wait: wait}) }))
	if permanent, ok := errors.AsType[*backoff.PermanentError](err); ok {
		err = permanent.Err
	}
	if err != nil && failed > 1 && !IsPermanent(err) && ctx.Err() == nil {
		err = fmt.Errorf("%w (%s in %s)", err, attempts(failed), Round(time.Since(began)))
	}
	return v, err
}

// noRetry marks the error of a request that the backend has retried already:
// [Retry] returns it at once.
func noRetry(err error) error { return backoff.Permanent(err) }

// Pauses grow from a tenth of a second to five, give or take half.
func Pauses() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = 100 * time.Millisecond
	b.Multiplier = 2
	b.MaxInterval = 5 * time.Second
	return b
}

// attempts is a number of them in words.
func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}

// Round rounds a duration for people to read.
func Round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}
