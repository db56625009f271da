package watch

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// lookIfNeeded looks at the database if something may have changed, and returns when to
// look again; zero if nothing asks for it. A run on the session comes first.
func (d *database) lookIfNeeded(ctx context.Context, now time.Time) time.Time {
	if d.run != nil {
		return time.Time{} // its end makes the loop turn
	}
	if !d.trouble.isNone() {
		if now.Before(d.trouble.again) {
			return d.trouble.again
		}
		d.looked = time.Time{}
	}
	if !d.looked.IsZero() && !d.hasChanged && !d.nudged && now.Sub(d.looked) < lookEvery {
		return time.Time{}
	}
	if at := d.looked.Add(d.lookPause()); !d.looked.IsZero() && at.After(now) && !d.nudged && !d.lookAtOnce {
		return at
	}
	d.lookNow(ctx, now)
	return time.Time{}
}

// lookEvery is how often a database is looked at although nothing says that it has changed:
// what notices changes may fail.
const lookEvery = 3 * time.Minute

// looksPart bounds the part of the time that goes into looks: one in so many.
const looksPart = 20

// lookPause is the least time between looks. A database that writes all the time is not read
// all the time, and the log of hours without a store not each few seconds.
func (d *database) lookPause() time.Duration {
	least := pause
	switch {
	case d.store.isAway():
		least = tick
	case !d.dirtySince.IsZero():
		least = max(pause, min(2*time.Second, d.lag()/5))
	}
	return max(least, looksPart*d.lookTook)
}

// lookNow looks, and notes what it sees.
func (d *database) lookNow(ctx context.Context, now time.Time) {
	d.hasChanged, d.lookAtOnce = false, false // what happens from now on may not be seen, and is in the inbox
	began := time.Now()
	l, err := d.archive.Look(ctx)
	d.lookTook = time.Since(began)
	if err != nil {
		if ctx.Err() == nil {
			d.failed(now, doLook, err)
		}
		return
	}
	was := d.look
	d.look, d.looked = l, now
	d.wasSeen, d.wasLooked = true, true
	if l.Known && l.FullSeq != d.preparedAfter {
		d.prepared = false // somebody else has taken it
	}
	if d.trouble.of == doLook || d.trouble.isOfBackup() && !d.isDirty() {
		d.trouble = trouble{}
	}
	d.board.mu.Lock()
	d.board.shown.LastLook = now
	d.board.mu.Unlock()
	d.noteUnsaved(now, was)
}

// noteUnsaved works out since when something is unsaved.
func (d *database) noteUnsaved(now time.Time, was archiver.Look) {
	switch l := &d.look; {
	case !l.Known:
		// Nobody knows what is unsaved, so what was is still.
		l.Commits, l.UnsavedBytes, l.NeedsFull = max(l.Commits, was.Commits), max(l.UnsavedBytes, was.UnsavedBytes), was.NeedsFull
		if d.dirtySince.IsZero() && !d.firstChange.IsZero() {
			d.dirtySince = d.firstChange
		}
	case l.Commits == 0 && l.NeedsFull == "":
		d.dirtySince, d.oldest = time.Time{}, time.Time{}
		d.firstChange = time.Time{}
	case l.OldestUnsaved.IsZero(): // 0.5 keeps no times, so it is when it was first seen
		if d.dirtySince.IsZero() {
			d.dirtySince = now
			if !d.firstChange.IsZero() {
				d.dirtySince = d.firstChange
			}
		}
	case !l.OldestUnsaved.Equal(d.oldest):
		// From now on by this process's clock: the host's may jump.
		d.oldest = l.OldestUnsaved
		age := now.Round(0).Sub(l.OldestUnsaved)
		d.dirtySince = now.Add(-max(0, age))
	}
}

// isDirty reports whether the archive lacks something, as far as is known.
func (d *database) isDirty() bool {
	return d.look.Known && (d.look.Commits > 0 || d.look.NeedsFull != "")
}

// guardDisk looks at the disk if it is time to, warns, and gives the hold up if it must.
func (d *database) guardDisk(ctx context.Context, now time.Time) {
	if now.Sub(d.guarded) < guardEvery*9/10 { // ticks are not exact
		return
	}
	d.guarded = now
	space, ok := d.w.space(d.target.Database)
	if !ok && space.Total == 0 {
		return
	}
	d.guard.note(now, space.ForAnyone, space.Total, d.look.HeldLogBytes, d.target.MinFree)
	if is, isNews := d.guard.alarm(now); isNews {
		d.news(EventDisk, now).diskFills(is, &d.guard)
	}
	isAway := d.store.isAway() || d.trouble.phase == PhaseRefused
	if !d.guard.mustGiveUp(isAway) {
		return
	}
	if d.run != nil { // each attempt takes longer than the disk may have
		d.guarded = time.Time{}
		if d.run.tries && !d.isStuck { // else a slow store would never be seen to be back
			d.run.cancel()
		}
		return
	}
	err := d.archive.GiveUp(ctx)
	if d.isStuck = err != nil; d.isStuck {
		d.w.log.Error("the hold on the log could not be given up, and the disk is nearly full",
			"event", EventGaveUp, "database", d.key.Name, "archive", d.key.Archive, "err", err)
		return
	}
	d.guard.state.GivenUp = true
	d.board.add(func(c *Counts) { c.GivenUp++ })
	d.news(EventGaveUp, now).gaveUp(d.guard.held)
	d.looked = time.Time{}
}
