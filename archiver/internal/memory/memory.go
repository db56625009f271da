// Package memory limits what the buffers of any number of runs take together.
//
// A run takes memory for one segment at a time, and gives it back before it takes more:
// all that the segment needs, in one piece. Whoever waits for memory therefore holds none,
// and so nobody can wait for somebody who waits. As segments take seconds, the small runs
// of one database are never behind all of a large run of another one.
package memory

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// Pool is an amount of memory. A nil Pool has no limit. All methods may be called
// concurrently.
type Pool struct {
	bytes int64
	free  *semaphore.Weighted
}

// New returns a pool of so many bytes, at least 1.
func New(bytes int64) *Pool {
	bytes = max(bytes, 1)
	return &Pool{bytes, semaphore.NewWeighted(bytes)}
}

// Take waits until so many bytes are free, and takes them; give gives them back, and is
// called once. Who asks for more than the pool has gets all of it. Nobody who has taken
// something may take more. The error is the cause of ctx.
func (p *Pool) Take(ctx context.Context, bytes int64) (give func(), err error) {
	if p == nil {
		return func() {}, nil
	}
	bytes = min(bytes, p.bytes)
	if err := p.free.Acquire(ctx, bytes); err != nil {
		return nil, context.Cause(ctx)
	}
	return func() { p.free.Release(bytes) }, nil
}

// IsLimited reports whether the pool has a limit: if so, what was given back is not to be
// kept.
func (p *Pool) IsLimited() bool { return p != nil }
