package archiver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// A bucket can lock each object for some days after it was put, so that nobody can delete
// it, whatever credentials he has stolen. A backup is restorable as long as all of its chain
// is there: its lock is that of the chain's oldest object. So with a lock of D days, and
// backups that are to stay restorable for F days, whatever anybody deletes, a chain may grow
// until its oldest object is D - F old. And what a new full backup refers to must be locked
// for as long as its chain is meant to grow, and F more.

// lock is what is known of the locks of a run's store. A nil one plans nothing.
type lock struct {
	keep   time.Duration // F
	length time.Duration // D
}

const (
	// lockMargin is how much earlier than the locks end backups are planned to: runs take
	// time, and clocks differ.
	lockMargin = time.Hour

	// longestShare is how long the chain of a full backup is meant to grow, at most, when
	// it is decided which earlier segments it may refer to.
	longestShare = 7 * 24 * time.Hour
)

// LockError is the error for locks that are too short to keep backups restorable for the
// wanted time. Its code is [CodeLock].
type LockError struct {
	Keep   time.Duration // [BackupOptions.LockKeep]
	Locked time.Duration // how long the store locks objects, 0 for not at all
	Err    error         // why that is not known, else nil
}

func (e *LockError) Error() string {
	switch {
	case errors.Is(e.Err, storage.ErrNoLocks):
		return storage.ErrNoLocks.Error()
	case e.Err != nil:
		return fmt.Sprintf("it is not known for how long the store locks objects: %v", e.Err)
	case e.Locked == 0:
		return "the store locks no object by default"
	}
	return fmt.Sprintf("the store locks objects for %s, and backups are to stay restorable for %s: there would be no time for a chain to grow",
		days(e.Locked), days(e.Keep))
}

// Unwrap returns Err.
func (e *LockError) Unwrap() error { return e.Err }

// days returns d for people.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == day:
		return "1 day"
	case d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	}
	return d.String()
}

// readLock finds out for how long the store locks objects, if backups are planned with that.
func (a *Archive) readLock(ctx context.Context, o *BackupOptions) (*lock, error) {
	if o.LockKeep == 0 {
		return nil, nil
	}
	l := &lock{o.LockKeep, o.LockLength}
	if l.length == 0 {
		found, err := storage.ReadObjectLock(ctx, a.objects.Storage)
		if err != nil {
			if isSaid := is(storage.ErrPermission, storage.ErrRefused, storage.ErrNoLocks); isSaid(err) || isUnknownTo(err) {
				err = &LockError{Keep: l.keep, Err: err}
			}
			return nil, err
		}
		if found.Retention != nil {
			l.length = found.Retention.Length()
		}
	}
	if l.chain() <= 0 {
		return nil, &LockError{Keep: l.keep, Locked: l.length}
	}
	return l, nil
}

// isUnknownTo reports whether err is the answer of a store that does not know the request.
func isUnknownTo(err error) bool {
	failed, ok := errors.AsType[*storage.Error](err)
	return ok && failed.Answer != nil && slices.Contains([]int{400, 405, 501}, failed.Answer.Status)
}

// chain is for how long after its oldest object was put a chain may grow.
func (l *lock) chain() time.Duration { return l.length - l.keep - lockMargin }

// since returns a time: a full backup refers to nothing that was put before it. For a nil
// lock, it is the zero time.
func (l *lock) since(now time.Time) time.Time {
	if l == nil {
		return time.Time{}
	}
	return now.Add(-(l.chain() - min(longestShare, l.chain()/2)))
}

// fullFrom returns from when on the backup after parent has to be a full one, so that it is
// restorable for long enough; the zero time if there is no need.
func (l *lock) fullFrom(parent *manifest.Committed) time.Time {
	switch {
	case l == nil || parent == nil:
		return time.Time{}
	case parent.LockedFrom == nil:
		return parent.CreatedAt // who has made the chain did not look after that
	}
	return parent.LockedFrom.Add(l.chain())
}

// whyFull says why the backup after parent has to be a full one because of locks, "" if it
// need not.
func (l *lock) whyFull(parent *manifest.Committed, now time.Time) string {
	from := l.fullFrom(parent)
	switch {
	case from.IsZero() || now.Before(from):
		return ""
	case parent.LockedFrom == nil:
		return "it is not known how long the chain is locked"
	}
	return fmt.Sprintf("the chain's lock ends: with another backup it would not be restorable for %s", days(l.keep))
}

// demand makes q ask for a full backup if the locks of the chain demand one.
func (l *lock) demand(q *capture.Query) {
	if why := l.whyFull(q.Parent, time.Now()); why != "" && !q.Full {
		q.Full, q.FullWhy = true, why
	}
}

// lockedFrom returns a time before which nothing was put that a restore of m needs, if m
// follows on head and its content is where ix says; nil if that is not known.
func (l *lock) lockedFrom(m *manifest.Manifest, ix *manifest.Index, head *commit.Head) *time.Time {
	from := m.CreatedAt
	switch {
	case m.Kind != manifest.Full:
		if head.Parent.LockedFrom == nil {
			return nil
		}
		from = *head.Parent.LockedFrom
	case l == nil:
		return nil
	}
	for i := range ix.Segments {
		if at := ix.Segments[i].PutAt; !at.IsZero() && at.Before(from) {
			from = at
		}
	}
	from = from.UTC().Truncate(time.Second)
	return &from
}
