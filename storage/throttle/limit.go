package throttle

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// Limit is how many bytes a second may move, for all who share it. A nil Limit is none.
// All methods may be called concurrently.
type Limit struct{ limiter *rate.Limiter }

// MinRate is the least that a limit can be, in bytes a second: with less, many transfers
// at a time would each rest so long that stores take them for dead.
const MinRate = 128 << 10

const (
	// pieceBytes is how many bytes move at a time, at most.
	pieceBytes = 64 << 10

	// burst is for how long bytes may move that were not moved before. Timers are not exact
	// enough for less.
	burst = 20 * time.Millisecond
)

// NewLimit returns a limit of so many bytes a second, at least [MinRate].
func NewLimit(bytesPerSecond int64) *Limit {
	bytesPerSecond = max(bytesPerSecond, MinRate)
	size := max(pieceBytes, int(float64(bytesPerSecond)*burst.Seconds()))
	l := rate.NewLimiter(rate.Limit(bytesPerSecond), size)
	l.AllowN(time.Now(), size) // nothing was saved up before the beginning
	return &Limit{l}
}

// Wait waits until so many bytes may move. Those who wait are served in turn, a piece of
// 64 KiB at a time. The error is the cause of ctx.
func (l *Limit) Wait(ctx context.Context, bytes int) error {
	if l == nil {
		return nil
	}
	for bytes > 0 {
		piece := min(bytes, pieceBytes)
		if err := l.limiter.WaitN(noDeadline{ctx}, piece); err != nil {
			return context.Cause(ctx)
		}
		bytes -= piece
	}
	return nil
}

// noDeadline is a context that does not say when it is going to end. A limiter would not
// even begin to wait for what it has only after that, and its error would be another one.
type noDeadline struct{ context.Context }

// Deadline implements [context.Context].
func (noDeadline) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }
