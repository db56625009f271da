package watch

import (
	"slices"
	"time"

	"golang.org/x/time/rate"
)

const (
	// pause is for how long nothing should have happened before a run begins: what belongs
	// together comes in one go.
	pause = 200 * time.Millisecond

	// muchLog is the log from which on a run does not wait for the lag.
	muchLog = 8 << 20

	// runCost is what a small run asks of the store: GET, PUT, and a PUT for a segment.
	runCost = 3
)

// pace says how fast the runs of one target follow each other.
type pace struct {
	took []time.Duration // the last incremental runs, the newest last

	limiter *rate.Limiter // nil for no bound on requests
	limit   Rate

	// yields counts how often in a row another writer was first: it leads then, and this
	// one waits longer and longer before it looks whether the other still does. isNamed says that it
	// was said who that is.
	yields  int
	isNamed bool
}

// lead ends the wait for another writer.
func (p *pace) lead() { p.yields, p.isNamed = 0, false }

// recentRuns is from how many runs the time that the next one takes is estimated.
const recentRuns = 20

// ran notes how long an incremental run took.
func (p *pace) ran(took time.Duration) {
	if len(p.took) == recentRuns {
		p.took = slices.Delete(p.took, 0, 1)
	}
	p.took = append(p.took, took)
}

// ninetieth returns the time within which nine of ten runs end.
func (p *pace) ninetieth() time.Duration {
	if len(p.took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(p.took))
	return sorted[(len(sorted)*9+9)/10-1]
}

// setLimit bounds requests. Unused ones of an hour may be spent at once.
func (p *pace) setLimit(r Rate) {
	if r == p.limit {
		return
	}
	p.limit, p.limiter = r, nil
	if r.N <= 0 || r.Per <= 0 {
		return
	}
	perSecond := float64(r.N) / r.Per.Seconds()
	p.limiter = rate.NewLimiter(rate.Limit(perSecond), max(int(perSecond*3600), 10*runCost))
}

// affordAt returns when the next run can be afforded; zero for now.
func (p *pace) affordAt(now time.Time) time.Time {
	if p.limiter == nil {
		return time.Time{}
	}
	missing := runCost - p.limiter.TokensAt(now)
	if missing <= 0 {
		return time.Time{}
	}
	return now.Add(time.Duration(missing / float64(p.limiter.Limit()) * float64(time.Second)))
}

// spent notes that so many requests were sent. A full backup may take those of days: what is
// owed is at most what may be spent at once, so that incremental ones go on soon.
func (p *pace) spent(now time.Time, requests int64) {
	if p.limiter == nil {
		return
	}
	burst := int64(p.limiter.Burst())
	requests = min(requests, int64(p.limiter.TokensAt(now))+burst)
	for requests > 0 {
		n := min(requests, burst)
		p.limiter.ReserveN(now, int(n))
		requests -= n
	}
}

// mostYield is the longest wait for another writer, in lags.
const mostYield = 8

// yield returns how much longer than the lag this one waits, because another writer leads.
func (p *pace) yield(lag time.Duration) time.Duration {
	if p.yields == 0 {
		return 0
	}
	return min(lag/2<<min(p.yields-1, 10), mostYield*lag)
}

// times are the moments that decide when a run is due.
type times struct {
	now       time.Time
	oldest    time.Time // the oldest commit that the archive does not have
	lastEvent time.Time
	lastRun   time.Time // when the last one began
	bytes     int64     // that the archive does not have
}

// runAt returns when the next incremental run is due: so that it ends when the oldest commit
// is as old as the lag, but at most one in each lag.
func (p *pace) runAt(t times, lag time.Duration) time.Time {
	at := t.oldest.Add(lag - p.ninetieth())
	if t.bytes >= muchLog {
		at = t.oldest
	} else if quiet := t.lastEvent.Add(pause); quiet.After(at) {
		at = earlier(quiet, at.Add(pause)) // it never rests
	}
	if !t.lastRun.IsZero() {
		at = later(at, t.lastRun.Add(lag))
	}
	return later(at.Add(p.yield(lag)), p.affordAt(t.now))
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// earliest is earlier, for times of which zero means never.
func earliest(a, b time.Time) time.Time {
	switch {
	case a.IsZero():
		return b
	case b.IsZero():
		return a
	}
	return earlier(a, b)
}

// unplanned says when a full backup may be taken that no schedule asked for.
type unplanned struct {
	last  time.Time
	count int         // without a long rest between
	forks []time.Time // within the last hour
}

// unplannedWaits are the waits before unplanned full backups that follow each other. After
// unplannedRest without one, the first wait is the next one.
var unplannedWaits = []time.Duration{0, time.Minute, 5 * time.Minute, 30 * time.Minute, time.Hour}

const (
	unplannedRest = 6 * time.Hour

	longestReopenedWait = time.Minute
	reopenedRest        = 5
	reopenedBurst       = 20
)

// reopened says when a full backup may be taken of a 0.5 database that was closed or opened,
// which is planned. An image of 0.5 that is overwritten before it was archived takes with it
// the epochs of the run that began on it. So the wait is only some times as long as one takes;
// but at least the lag, like that between all backups, after many of them. It is a minute at most.
type reopened struct {
	last  time.Time
	took  time.Duration // the last one
	spent float64       // of the burst, as of the last one: one comes back in a minute
}

// at returns when the next one may begin.
func (r *reopened) at(now time.Time, lag time.Duration) time.Time {
	wait := reopenedRest * r.took
	if r.spentAt(now) > reopenedBurst-1 {
		wait = max(wait, lag)
	}
	return r.last.Add(min(wait, longestReopenedWait))
}

// taken notes one that has just ended.
func (r *reopened) taken(now time.Time, took time.Duration) {
	r.last, r.took, r.spent = now, took, min(r.spentAt(now)+1, reopenedBurst)
}

func (r *reopened) spentAt(now time.Time) float64 {
	return max(0, r.spent-now.Sub(r.last).Minutes())
}

// at returns when the next one may be taken; zero means at once.
func (u *unplanned) at(now time.Time) time.Time {
	if u.count == 0 || now.Sub(u.last) > unplannedRest {
		return time.Time{}
	}
	return u.last.Add(unplannedWaits[min(u.count, len(unplannedWaits)-1)])
}

// taken notes that one was taken.
func (u *unplanned) taken(now time.Time) {
	if now.Sub(u.last) > unplannedRest {
		u.count = 0
	}
	u.last = now
	u.count++
}

// forked notes that one of them began a timeline, and reports whether these are too many to
// be chance.
func (u *unplanned) forked(now time.Time) bool {
	u.forks = slices.DeleteFunc(append(u.forks, now), func(t time.Time) bool { return now.Sub(t) > time.Hour })
	return len(u.forks) >= 2
}
