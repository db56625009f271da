package watch

import (
	"context"
	"time"
)

// The kinds of work beside the session.
const (
	doPrepare = "prepare"
	doVerify  = "verify"
	doExpire  = "expire"
	doCompact = "compact"
)

const (
	// smallDatabase is what a full backup reads at once: increments can wait for so long.
	smallDatabase = 64 << 20

	// againAfter is when something that failed is tried again, if nothing changes.
	againAfter = 5 * time.Minute

	// leastToCompact is how many new backups make it worth looking for something to merge.
	leastToCompact = 32
)

// startBeside starts what is due besides the runs, and returns when something is.
func (d *database) startBeside(ctx context.Context, now time.Time) time.Time {
	if d.beside != nil || !d.trouble.isNone() || !d.look.Known || d.look.Newest.Seq == 0 || d.store.isAway() {
		return time.Time{}
	}
	var next time.Time
	if !d.prepared {
		at := d.fullAt(now)
		switch {
		case at.IsZero() || at.After(now):
			next = at
		case d.look.FullBytes <= smallDatabase:
			d.prepared, d.preparedAfter = true, d.look.FullSeq
			return now
		case d.w.fulls.take(d):
			d.beside = &work{kind: doPrepare, was: d.look.FullSeq, began: now}
			d.launch(ctx, d.beside, d.w.fulls, func(ctx context.Context) outcome { return outcome{err: d.archive.Prepare(ctx)} })
			return time.Time{}
		}
	}
	share := d.target.Sample
	for _, u := range []struct {
		kind string
		*upkeep
		every time.Duration
		job   func(context.Context) (int, error)
	}{
		{doVerify, &d.verify, d.target.Verify, func(ctx context.Context) (int, error) { return d.archive.Verify(ctx, share) }},
		{doExpire, &d.expire, d.target.Expire, noFindings(d.archive.Expire)},
		{doCompact, &d.compact, d.target.Compact, noFindings(d.archive.Compact)},
	} {
		u.state.Due = upkeepDueAt(u.from, u.every, d.key)
		isSample := u.kind == doVerify && d.target.isSampled()
		if isSample {
			u.state.Due = d.sampleDue(now)
		}
		if u.kind == doCompact && d.look.Newest.Seq < u.seq+leastToCompact {
			u.state.Due = time.Time{}
		}
		at := u.state.Due
		if !at.IsZero() {
			at = later(at, u.again)
		}
		if at.IsZero() || at.After(now) {
			next = earliest(next, at)
			continue
		}
		if isSample && d.w.upkeep.isFreeFor(d) && !d.isProofFresh(now) {
			d.proving.read = time.Time{} // somebody else may have taken it meanwhile
			return now
		}
		if !d.w.upkeep.take(d) {
			continue
		}
		d.beside = &work{kind: u.kind, was: d.look.Newest.Seq, began: now}
		d.launch(ctx, d.beside, d.w.upkeep, func(ctx context.Context) outcome {
			findings, err := u.job(ctx)
			return outcome{findings: findings, err: err}
		})
		return time.Time{}
	}
	return next
}

// fullAt returns when the next planned full backup is to be prepared, zero for never. It comes
// from the same archive for all who write to it: one that lets another writer lead waits until
// it has seen whether that one takes it.
func (d *database) fullAt(now time.Time) time.Time {
	at := fullDueAt(now, d.look, d.target.Full, d.key)
	switch {
	case at.IsZero() || at.After(now):
		d.fullDue = time.Time{}
		return at
	case d.fullDue.IsZero():
		d.fullDue = now
	}
	if d.pace.yields > 0 {
		at = later(at, d.fullDue.Add(2*mostYield*d.lag()))
	}
	return later(at, d.fullAgain)
}

func noFindings(job func(context.Context) error) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) { return 0, job(ctx) }
}

// upkeepOf returns the upkeep of a kind, nil if it is none.
func (d *database) upkeepOf(kind string) *upkeep {
	switch kind {
	case doVerify:
		return &d.verify
	case doExpire:
		return &d.expire
	case doCompact:
		return &d.compact
	}
	return nil
}

// endBeside takes in what came of a preparation or of upkeep.
func (d *database) endBeside(o outcome) {
	now, u := o.ended, d.upkeepOf(o.work.kind)
	switch {
	case o.isStopped && o.err != nil:
	case u == nil && o.err == nil:
		d.prepared, d.preparedAfter = true, o.work.was
	case u == nil:
		d.fullAgain = now.Add(againAfter)
		d.news(EventFailed, now).failed(o.work.kind, o.err)
	case o.err != nil:
		u.state.Last, u.state.Why, u.again = now, o.err.Error(), now.Add(againAfter)
		if !isAway(o.err) {
			u.from = now
		}
		d.news(EventFailed, now).failed(o.work.kind, o.err)
	default:
		u.state.Last, u.state.LastGood, u.state.Why, u.state.Findings = now, now, "", o.findings
		u.from, u.seq = now, o.work.was
		if u != &d.verify {
			d.outdateHistory()
		}
		if u == &d.verify && d.target.isSampled() {
			d.proving.read = time.Time{} // it has left a certificate
		}
		d.news(EventUpkeep, now).upkeep(o.work.kind, o.findings)
	}
}
