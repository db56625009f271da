package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"github.com/gbak-s3/gbak-s3/storage"
)

const (
	// A store that has never answered is given up after so many attempts: its
	// address is wrong rather than its network.
	firstAttempts = 4

	baseBackoff = 200 * time.Millisecond
	maxBackoff  = 5 * time.Second
)

// attempts decides for one call which failures are tried again, in the way that
// the SDK asks: transient ones, until [Timeouts].Total is over; and, once, an
// answer that the credentials have expired. The SDK's own retryers count
// attempts, which a store that is busy for ten seconds uses up in three.
//
// Pauses have full jitter. There is no rate limit on top of that: it would make
// calls fail that have time left.
type attempts struct {
	store   *Store
	once    bool // only what was certainly not applied is tried again
	began   time.Time
	sent    time.Time // the attempt that is on its way
	count   int       // of requests
	heard   heard     // the last answer
	failed  int
	renewed bool
}

var _ aws.RetryerV2 = (*attempts)(nil)

// gaveUp says for how long a call was tried.
type gaveUp struct {
	attempts int
	elapsed  time.Duration
}

func (g *gaveUp) Error() string {
	plural := "s"
	if g.attempts == 1 {
		plural = ""
	}
	return fmt.Sprintf("%d attempt%s in %v", g.attempts, plural, g.elapsed.Round(100*time.Millisecond))
}

// MaxAttempts implements [aws.RetryerV2]: there is none.
func (a *attempts) MaxAttempts() int { return 0 }

// IsErrorRetryable implements [aws.RetryerV2].
func (a *attempts) IsErrorRetryable(err error) bool {
	if isUnknownHost(err) && !a.store.answered.Load() {
		return false // a name that is wrong, and not a resolver that is restarted
	}
	return a.isExpired(err) || !a.once && isTransient(err)
}

// isExpired reports whether new credentials may help.
func (a *attempts) isExpired(err error) bool { return a.heard.page == "" && isExpired(err) }

// GetRetryToken implements [aws.RetryerV2]. Its error ends the call.
func (a *attempts) GetRetryToken(ctx context.Context, err error) (func(error) error, error) {
	a.failed++
	if a.isExpired(err) {
		if a.renewed {
			return nil, errStillExpired
		}
		a.renewed = true
		return noRelease, a.store.credentials.renew(ctx, a.sent)
	}
	elapsed := time.Since(a.began)
	if elapsed >= a.store.options.Timeouts.Total || a.failed >= firstAttempts && !a.store.answered.Load() {
		return nil, &gaveUp{a.failed, elapsed}
	}
	return noRelease, nil
}

// RetryDelay implements [aws.RetryerV2].
func (a *attempts) RetryDelay(attempt int, err error) (time.Duration, error) {
	if a.isExpired(err) {
		return 0, nil
	}
	longest := min(baseBackoff<<min(attempt, 10), maxBackoff)
	if a.store.options.maxBackoff > 0 {
		longest = min(longest, a.store.options.maxBackoff)
	}
	return rand.N(longest), nil
}

// GetAttemptToken implements [aws.RetryerV2].
func (a *attempts) GetAttemptToken(context.Context) (func(error) error, error) {
	a.sent = time.Now()
	return noRelease, nil
}

// GetInitialToken implements [aws.Retryer]; the SDK prefers GetAttemptToken.
func (a *attempts) GetInitialToken() func(error) error { return noRelease }

func noRelease(error) error { return nil }

var transient = retry.IsErrorRetryables(append([]retry.IsErrorRetryable{
	retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
		switch status := httpStatus(err); status {
		case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
			return aws.FalseTernary
		case http.StatusTooManyRequests, http.StatusRequestTimeout:
			return aws.TrueTernary
		default:
			if status >= 500 {
				return aws.TrueTernary
			}
			return aws.UnknownTernary
		}
	}),
}, retry.DefaultRetryables...))

// isTransient reports whether the same call may succeed later: the store is busy,
// or nothing was heard of it, or not all.
func isTransient(err error) bool {
	return !isHopeless(err) && !isFull(err) && !errors.Is(err, storage.ErrForeign) && (isCutShort(err) || transient.IsErrorRetryable(err).Bool())
}

// isCutShort reports whether an answer that the SDK reads itself, such as a page of a
// list, broke off.
func isCutShort(err error) bool {
	_, ok := errors.AsType[*smithy.DeserializationError](err)
	return ok && errors.Is(err, io.ErrUnexpectedEOF)
}
