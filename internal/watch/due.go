package watch

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

const (
	day = 24 * time.Hour

	// leastLogForFull is how much log there must be before its size alone makes a full
	// backup due: tiny databases have logs larger than themselves all the time.
	leastLogForFull = 64 << 20
)

// fullDueAt returns when the next planned full backup is due, zero for never. It is in the
// past if one is due.
func fullDueAt(now time.Time, l archiver.Look, r FullRules, k Key) time.Time {
	return earliest(fullDueByRules(now, l, r, k), fullDueByLock(now, l, r, k))
}

// fullDueByLock returns when a full backup is due because the lock of the chain ends, zero
// for never: a day before it has to be taken, or a quarter of the chain's time, and in the
// window if that opens before.
func fullDueByLock(now time.Time, l archiver.Look, r FullRules, k Key) time.Time {
	if !l.Known || l.LockFullAt.IsZero() {
		return time.Time{}
	}
	ahead := min(day, max(0, l.LockFullAt.Sub(l.FullAt)/4))
	at := r.Window.next(later(now, l.LockFullAt.Add(-ahead)), spread(k, r.Window.length()))
	return earlier(at, later(now, l.LockFullAt))
}

// fullDueByRules returns when the next full backup is due by what the archive says, zero for
// never. It may be nothing new since the last one, and then it is zero, too.
func fullDueByRules(now time.Time, l archiver.Look, r FullRules, k Key) time.Time {
	if !l.Known || l.Newest.Seq == 0 || l.FullAt.IsZero() || l.SinceFull == 0 && l.Commits == 0 {
		return time.Time{}
	}
	if r.AfterIncrements > 0 && l.SinceFull >= r.AfterIncrements || l.LogSinceFullBytes > max(l.FullBytes, leastLogForFull) {
		return r.Window.next(now, spread(k, r.Window.length()))
	}
	if r.Every <= 0 {
		return time.Time{}
	}
	last := l.FullAt
	if last.After(now.Add(day)) { // a clock was wrong
		return r.Window.next(now, spread(k, r.Window.length()))
	}
	if r.Every < 2*time.Hour && r.Window == (Window{}) {
		return last.Add(r.Every)
	}
	due := r.Window.near(last.Add(r.Every), last, spread(k, r.Window.length()))
	if due.After(now) {
		return due
	}
	return r.Window.next(now, spread(k, r.Window.length())) // it may have been missed
}

// spread returns a time from 0 up to length that follows from the target's name, so that many
// targets do not begin at the same minute.
func spread(k Key, length time.Duration) time.Duration {
	sum := sha256.Sum256([]byte(k.Name + "\x00" + k.Archive))
	minutes := uint64(max(length/time.Minute, 1))
	return time.Duration(binary.BigEndian.Uint64(sum[:])%minutes) * time.Minute
}

// length is how long the window is: for one that is always open, an hour.
func (w Window) length() time.Duration {
	switch l := w.To - w.From; {
	case w == (Window{}):
		return time.Hour
	case l <= 0:
		return l + day
	default:
		return l
	}
}

// next returns now if it is in the window, else when it opens next, later by offset.
func (w Window) next(now time.Time, offset time.Duration) time.Time {
	if w == (Window{}) {
		return now
	}
	for _, days := range []int{-1, 0, 1} {
		from := onDay(now, days, w.From)
		if now.Before(from) {
			return from.Add(offset)
		}
		if now.Before(from.Add(w.length())) {
			return now
		}
	}
	return onDay(now, 1, w.From).Add(offset)
}

// near returns the moment next to t that is after last, in the window, and at its offset. A
// schedule by the end of the last one would drift out of the window.
func (w Window) near(t, last time.Time, offset time.Duration) time.Time {
	var best time.Time
	consider := func(at time.Time) {
		if at.After(last) && (best.IsZero() || at.Sub(t).Abs() < best.Sub(t).Abs()) {
			best = at
		}
	}
	if w == (Window{}) {
		for hours := range 3 {
			consider(t.Truncate(time.Hour).Add(time.Duration(hours-1)*time.Hour + offset))
		}
		return best
	}
	for days := -1; days <= 2; days++ {
		consider(onDay(t, days, w.From).Add(offset))
	}
	return best
}

// onDay returns when the clocks of this host show a time of day, so many days after the day of t. On a day
// on which they are changed, that is not so long after midnight.
func onDay(t time.Time, days int, at time.Duration) time.Time {
	t = t.Local()
	return time.Date(t.Year(), t.Month(), t.Day()+days, 0, 0, int(at/time.Second), 0, time.Local)
}

// provingDueAt returns when a drill or a sample is due, zero for never. last is when the archive was
// last proved, zero for never, and began when this process began to watch: what was missed
// before that is due at the next minute that the target's name gives, and not at each start.
func provingDueAt(last, now, began time.Time, every time.Duration, k Key) time.Time {
	offset := spread(k, time.Hour)
	missed := began
	if every >= 2*time.Hour {
		missed = began.Add(-offset).Truncate(time.Hour).Add(time.Hour + offset)
	}
	switch {
	case every <= 0:
		return time.Time{}
	case last.IsZero(), last.After(now.Add(day)): // a clock was wrong
		return missed
	case every < 2*time.Hour:
		return later(missed, last.Add(every))
	}
	due := Window{}.near(last.Add(every), last, offset)
	if due.Before(began) {
		return missed
	}
	return due
}

// drillAgainAfter is how long after a drill that failed the next one is due: sooner than usual, and
// not so soon that what is fetched in vain costs more than all else.
func drillAgainAfter(every time.Duration) time.Duration { return min(every, max(every/4, time.Hour)) }

// upkeepDueAt returns when upkeep that happens every so often is due, zero for never. Archives
// do not say when they were last verified, so the moments follow from the clock and the
// target's name: a restart neither doubles nor skips more than one. last is when this watcher
// last did it, or began to watch.
func upkeepDueAt(last time.Time, every time.Duration, k Key) time.Time {
	if every <= 0 {
		return time.Time{}
	}
	offset := spread(k, every)
	return last.Add(-offset).Truncate(every).Add(every + offset)
}
