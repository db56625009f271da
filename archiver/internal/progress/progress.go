// Package progress tells an observer what a run does. Events travel through the context,
// because every room has some to tell and none should have to know who listens.
package progress

import (
	"context"
	"sync"
	"time"
)

// Event is a [Bytes], a [Phase], a [Retry] or a [Conflict], or an event of the door.
type Event any

// Bytes says how far a run has come, in raw bytes of the database's files. Done is
// between 0 and Total. It starts again where the work does.
type Bytes struct{ Done, Total int64 }

// Phase says that a part of the work begins.
type Phase string

// Retry says that a request to the store failed and will be made again after Wait.
type Retry struct {
	Err  error
	Wait time.Duration
}

// Conflict says that another writer committed first.
type Conflict struct{}

type key struct{}

// With returns a context whose events go to observe. Calls of observe come one after the
// other, from any goroutine. A nil observe is not called.
func With(ctx context.Context, observe func(Event)) context.Context {
	if observe == nil {
		return ctx
	}
	var mu sync.Mutex
	return context.WithValue(ctx, key{}, func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		observe(e)
	})
}

// Tell tells the observer of ctx, if it has one, of an event.
func Tell(ctx context.Context, e Event) {
	if observe, ok := ctx.Value(key{}).(func(Event)); ok {
		observe(e)
	}
}

// Tracker adds up the bytes that workers have done. Its methods may be called
// concurrently.
type Tracker struct {
	ctx   context.Context // of the run that it is for
	mu    sync.Mutex
	done  int64
	total int64
}

// Track returns a tracker for the observer of ctx, and tells it that nothing of total
// bytes is done.
func Track(ctx context.Context, total int64) *Tracker {
	t := &Tracker{ctx: ctx, total: total}
	t.Add(0)
	return t
}

// Add says that n more bytes are done. What is done twice does not count beyond the
// total.
func (t *Tracker) Add(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done = min(t.done+n, t.total)
	Tell(t.ctx, Bytes{t.done, t.total})
}
