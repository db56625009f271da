package storage

import (
	"context"
	"errors"
	"time"
)

// Locker is a [Storage] that can show how its bucket locks objects. A backend need not be
// one.
type Locker interface {
	// ReadObjectLock takes one request, which needs a permission of its own. It
	// changes nothing. Its error is an [*Error] of [OpGet].
	ReadObjectLock(ctx context.Context) (ObjectLock, error)
}

// ErrNoLocks: the store has no locks for objects.
var ErrNoLocks = errors.New("the store has no locks for objects")

// ReadObjectLock is [Locker].ReadObjectLock of s, or [ErrNoLocks] if s is no Locker.
func ReadObjectLock(ctx context.Context, s Storage) (ObjectLock, error) {
	if l, ok := s.(Locker); ok {
		return l.ReadObjectLock(ctx)
	}
	return ObjectLock{}, &Error{Op: OpGet, Err: ErrNoLocks}
}

// Length returns the minimum time that an object is locked: a year may be a leap year.
func (r Retention) Length() time.Duration {
	const day = 24 * time.Hour
	return time.Duration(r.Days)*day + time.Duration(r.Years)*365*day
}

// Before returns when an object was put if its lock ends at end.
func (r Retention) Before(end time.Time) time.Time { return end.AddDate(-r.Years, 0, -r.Days) }
