package storage

import (
	"context"
	"time"
)

// Clock is a [Storage] that shows the time of the clock that also sets
// [ObjectInfo].ModTime. A backend need not be one.
type Clock interface {
	// Now returns the store's time, which may be cut to the second. It changes nothing,
	// and needs no permission but that to list. It counts as a List and is retried like
	// one; its error is an [*Error] of [OpList], [ErrNoTime] if the store's answer has no
	// time.
	Now(ctx context.Context) (time.Time, error)
}

// Now returns the time by the clock of s. It is [ErrNoTime] if s is no [Clock]: the
// clock of this host may be wrong, and whether to trust it is for the caller to decide.
func Now(ctx context.Context, s Storage) (time.Time, error) {
	if c, ok := s.(Clock); ok {
		return c.Now(ctx)
	}
	return time.Time{}, ErrNoTime
}
