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
	// A store that has never answered is given up after this many attempts: most likely
	// its address is wrong, not its network.
	firstAttempts = 4

	baseBackoff = 200 * time.Millisecond
	maxBackoff  = 5 * time.Second
)

// retrier decides for one call of the SDK which failures are retried: transient ones
// until [Timeouts].Total is over, and once an answer that the credentials have expired.
// The SDK's own retryers count attempts, and a store that is busy for ten seconds uses
// up their three.
//
// Pauses have full jitter. There is no rate limit on top of that: it would make calls
// fail that have time left.
type retrier struct {
	store   *Store
	once    bool // retry only what was certainly not applied
	began   time.Time
	sent    time.Time // when the current attempt began
	count   int       // of requests
	sniffed sniffed   // the last answer
	failed  int
	renewed bool
}

var _ aws.RetryerV2 = (*retrier)(nil)

// gaveUp says how often, and for how long, a call was attempted.
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
func (r *retrier) MaxAttempts() int { return 0 }

// IsErrorRetryable implements [aws.RetryerV2].
func (r *retrier) IsErrorRetryable(err error) bool {
	if isUnknownHost(err) && !r.store.answered.Load() {
		return false // most likely a wrong name, and not a resolver that restarts
	}
	return r.isExpired(err) || !r.once && isTransient(err)
}

// isExpired reports whether new credentials may help.
func (r *retrier) isExpired(err error) bool { return r.sniffed.page == "" && isExpired(err) }

// GetRetryToken implements [aws.RetryerV2]. Its error ends the call.
func (r *retrier) GetRetryToken(ctx context.Context, err error) (func(error) error, error) {
	r.failed++
	if r.isExpired(err) {
		if r.renewed {
			return nil, errStillExpired
		}
		r.renewed = true
		return noRelease, r.store.credentials.renew(ctx, r.sent)
	}
	elapsed := time.Since(r.began)
	if elapsed >= r.store.options.Timeouts.Total || r.failed >= firstAttempts && !r.store.answered.Load() {
		return nil, &gaveUp{r.failed, elapsed}
	}
	return noRelease, nil
}

// RetryDelay implements [aws.RetryerV2].
func (r *retrier) RetryDelay(attempt int, err error) (time.Duration, error) {
	if r.isExpired(err) {
		return 0, nil
	}
	longest := min(baseBackoff<<min(attempt, 10), maxBackoff)
	if r.store.options.maxBackoff > 0 {
		longest = min(longest, r.store.options.maxBackoff)
	}
	return rand.N(longest), nil
}

// GetAttemptToken implements [aws.RetryerV2].
func (r *retrier) GetAttemptToken(context.Context) (func(error) error, error) {
	r.sent = time.Now()
	return noRelease, nil
}

// GetInitialToken implements [aws.Retryer]; the SDK prefers GetAttemptToken.
func (r *retrier) GetInitialToken() func(error) error { return noRelease }

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

// isTransient reports whether the same call may succeed later: the store is busy, or
// its answer did not arrive, or not all of it.
func isTransient(err error) bool {
	if isHopeless(err) || isFull(err) || errors.Is(err, storage.ErrForeign) {
		return false
	}
	return isCutShort(err) || errorCode(err) == folderVanished || transient.IsErrorRetryable(err).Bool()
}

// folderVanished is what the Versity S3 Gateway answers (with 409) to a put whose folder was
// removed meanwhile, because the last object in it was deleted. Its name is about something
// else: an object whose key is that of a folder, which no two keys of an archive are.
const folderVanished = "ExistingObjectIsDirectory"

// isCutShort reports whether an answer that the SDK reads itself, such as a page of a
// list, broke off.
func isCutShort(err error) bool {
	_, ok := errors.AsType[*smithy.DeserializationError](err)
	return ok && errors.Is(err, io.ErrUnexpectedEOF)
}
