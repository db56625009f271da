package watch

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// end takes in what came of some work.
func (d *database) end(ctx context.Context, o outcome) {
	switch o.work {
	case d.run:
		d.run = nil
	case d.beside:
		d.beside = nil
	case d.drill:
		d.drill = nil
	}
	total := d.archive.Requests()
	asked := total.Total() - d.charged
	d.charged = total.Total()
	o.hasAsked = asked > 0
	isUpkeep, isProving, isHistory := d.upkeepOf(o.work.kind) != nil, o.work.kind == doProof || o.work.kind == doDrill, o.work.kind == doHistory
	if !isUpkeep && !isProving && !isHistory && o.work.kind != doCheck {
		d.pace.spent(o.ended, asked)
	}
	d.noteStore(o)
	switch {
	case isHistory:
		d.endHistory(o)
		return
	case isProving:
		d.endProving(o)
		return
	case isUpkeep, o.work.kind == doPrepare:
		d.endBeside(o)
		return
	}
	d.looked = time.Time{} // what is known of the archive has changed
	switch {
	case o.err == nil:
		d.succeeded(o)
	case !o.isStopped:
		d.failed(o.ended, o.work.kind, o.err)
	}
	d.looked = time.Time{}
	if o.err == nil && ctx.Err() == nil {
		d.lookNow(ctx, o.ended)
		d.noteOthers(o)
	}
}

// isAway reports whether an error says that the store does not answer.
func isAway(err error) bool {
	code := archiver.CodeOf(err)
	return code == archiver.CodeStore || code == archiver.CodeUnknownOutcome
}

// noteStore tells the breaker how the store was.
func (d *database) noteStore(o outcome) {
	switch {
	case o.err != nil && isAway(o.err) && !o.isStopped:
		if d.store.failed(o.ended, o.work.tries, o.err.Error()) {
			d.w.tellStore(d.store.name, o.ended, false, o.err)
		}
	case o.hasAsked && !o.isStopped:
		if d.store.answered(o.ended) {
			d.w.tellStore(d.store.name, o.ended, true, nil)
		}
	case o.work.tries:
		d.store.letGo()
	}
}

// succeeded takes in a run without an error.
func (d *database) succeeded(o outcome) {
	if d.trouble.of == o.work.kind || o.work.isBackup() || d.trouble.of == doReread {
		d.trouble = trouble{} // a check, too, shows that the archive can be read
	}
	if !o.work.isBackup() {
		d.asked = o.ended
		return
	}
	d.dirtySince, d.oldest = time.Time{}, time.Time{}
	d.committed(o)
	if o.work.kind == doFull {
		d.tookFull(o)
	}
}

func (w *work) isBackup() bool { return w.kind == doBackup || w.kind == doFull }

// committed counts a backup that is committed, or was found to have nothing new.
func (d *database) committed(o outcome) {
	r, now := &o.report, o.ended
	took := now.Sub(o.work.began)
	d.board.mu.Lock()
	c := &d.board.shown.Counts
	isFirst := d.board.moved.conflicts == 0 || r.Previous.Seq == o.work.was // what removes and merges here conflicts, too
	if !isFirst {
		c.Conflicts += d.board.moved.conflicts
	}
	isNew := r.Backup.Kind != archiver.KindNone
	isProof := isNew || r.Requests.Total() > 0 // those of what goes on beside it prove nothing
	if isProof {
		d.asked, d.board.shown.LastSafe = now, now
	}
	if isNew {
		c.count(r, took)
		d.board.shown.LastCommit = now
	}
	d.board.mu.Unlock()
	if isFirst {
		d.pace.lead()
	} else {
		d.yield(now, &r.Previous)
	}
	if r.Backup.Kind == archiver.KindIncremental {
		d.pace.ran(took)
	}
	if !o.work.noHold {
		d.guard.state.GivenUp = false
	}
	if isNew {
		for i := range r.Before {
			d.addToHistory(&r.Before[i])
		}
		d.addToHistory(&r.Backup)
		d.news(EventBackup, now).backup(r)
	}
	if isProof {
		d.w.tell(d.news(EventSafe, now).Event)
	}
}

// count counts a backup that took so long.
func (c *Counts) count(r *archiver.BackupReport, took time.Duration) {
	b := &r.Backup
	c.Backups[b.Kind]++
	c.ReadBytes += b.RawBytes
	c.StoredBytes += b.StoredBytes
	c.ReusedBytes += b.ReusedBytes
	h := c.Durations[b.Kind]
	h.add(took)
	c.Durations[b.Kind] = h
}

func (h *Durations) add(took time.Duration) {
	i := 0
	for i < len(Bounds) && took.Seconds() > Bounds[i] {
		i++
	}
	h.Buckets[i]++
	h.Count++
	h.Sum += took
}

// tookFull takes in a full backup.
func (d *database) tookFull(o outcome) {
	now, b := o.ended, &o.report.Backup
	d.prepared = false
	switch o.work.reason {
	case isReopened:
		d.reopened.taken(now, now.Sub(o.work.began))
	case isUnplanned:
		if b.Kind != archiver.KindFull {
			return
		}
		d.unplanned.taken(now)
		why := "gap"
		if b.Timeline > d.look.Newest.Timeline {
			why = "fork"
			if d.unplanned.forked(now) {
				d.news(EventForks, now).forks()
			}
		}
		d.board.add(func(c *Counts) { c.UnplannedFulls[why]++ })
	}
}

// noteOthers looks whether all is safe, and after a look at the archive, whether another writer is
// active.
func (d *database) noteOthers(o outcome) {
	if !o.work.isBackup() && d.look.Known && d.look.Newest.Seq != 0 && !d.isDirty() {
		d.board.mu.Lock()
		d.board.shown.LastSafe = o.ended
		d.board.mu.Unlock()
		d.w.tell(d.news(EventSafe, o.ended).Event)
	}
	switch isNew := d.look.Newest.Seq != o.work.was; {
	case o.work.kind == doReread && isNew:
		d.yield(o.ended, &d.look.Newest)
	case o.work.kind == doReread:
		d.pace.lead() // the other one has stopped
	case d.pace.yields > 0 && isNew && !o.work.isBackup():
		d.name(o.ended, &d.look.Newest) // after conflicts only, when it was not known yet
	}
}

// yield waits longer, because another writer was first: with backup b, nil if that is not known yet.
func (d *database) yield(now time.Time, b *archiver.Backup) {
	d.pace.yields++
	if b != nil {
		d.name(now, b)
	}
}

// name says once who the other writer is, who has made b.
func (d *database) name(now time.Time, b *archiver.Backup) {
	if !d.pace.isNamed {
		d.pace.isNamed = true
		d.news(EventWriter, now).writer(b)
	}
}

// failed takes in the error of a run or of a look.
func (d *database) failed(now time.Time, kind string, err error) {
	code := archiver.CodeOf(err)
	if kind != doLook {
		d.board.add(func(c *Counts) {
			c.Failures[code]++
			if code == archiver.CodeConflict {
				c.Conflicts++
			}
		})
	}
	d.look.Known = false
	if kind == doFull {
		d.fullAgain = now.Add(againAfter)
	}
	switch code {
	case archiver.CodeNeedsFull: // the next look says so
	case archiver.CodeConflict:
		d.yield(now, nil)
	case archiver.CodeStore, archiver.CodeUnknownOutcome: // the breaker knows
		d.news(EventFailed, now).failed(kind, err)
	case archiver.CodeBusyDatabase, archiver.CodeLocked:
		d.notBefore = now.Add(max(tick, d.lag()))
		d.news(EventFailed, now).failed(kind, err)
	case archiver.CodeNotFound:
		d.setTrouble(now, kind, err, PhaseGone, tick)
	default:
		d.setTrouble(now, kind, err, PhaseRefused, againAfter)
	}
}
