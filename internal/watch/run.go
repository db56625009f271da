package watch

import (
	"context"
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/history"
)

// The kinds of work on the session.
const (
	doCheck  = "check"  // one request: does the store answer?
	doReread = "reread" // read the end of the archive: is another writer active?
	doBackup = "backup" // an incremental one
	doFull   = "full"
)

// trialTime is how long an attempt may take to find out whether a store is back.
const trialTime = 30 * time.Second

// work is what goes on in a goroutine of its own.
type work struct {
	kind   string
	cancel context.CancelFunc
	tries  bool   // it finds out for all whether the store is back
	reason reason // of a full backup
	was    uint64 // the newest backup before it
	noHold bool   // the hold stays given up
	began  time.Time
}

// reason is why a full backup is taken.
type reason string

const (
	first       reason = "first"
	planned     reason = "planned"
	isReopened  reason = "reopened" // a 0.5 database, which is planned, too
	isUnplanned reason = "unplanned"
)

// outcome is what came of some work.
type outcome struct {
	work      *work
	err       error
	isStopped bool // its context had ended
	hasAsked  bool // requests were sent meanwhile
	ended     time.Time
	report    archiver.BackupReport
	findings  int
	proofs    *archiver.Proofs
	drilled   *archiver.DrillReport
	history   *history.History
}

// start starts the run that is due, if any, and returns when one may be due otherwise; zero if
// only something that happens can make one due.
func (d *database) start(ctx context.Context, now time.Time) time.Time {
	if d.run != nil || d.looked.IsZero() {
		return time.Time{}
	}
	kind, why, at := d.wants(now)
	d.queued = ""
	if kind == "" {
		return time.Time{}
	}
	if at = later(later(at, d.trouble.again), d.notBefore); at.After(now) {
		return at
	}
	slot := d.w.runs
	if kind == doFull {
		slot = d.w.fulls
	}
	if !slot.take(d) {
		d.queued = kind
		return time.Time{}
	}
	ok, tries, at := d.store.mayAsk(now)
	if !ok {
		slot.give()
		return at
	}
	if tries {
		kind = doCheck
	}
	d.launchRun(ctx, &work{kind: kind, tries: tries, reason: why, was: d.look.Newest.Seq, began: now}, slot)
	return time.Time{}
}

// wants returns which run is next, and when it is due; "" for none.
func (d *database) wants(now time.Time) (kind string, why reason, at time.Time) {
	l := &d.look
	switch {
	case d.store.isAway() || !l.Known || d.trouble.isOfArchive():
		return doCheck, "", now
	case l.Newest.Seq == 0:
		return doFull, first, now
	case l.Remainder && !now.Before(d.reopened.at(now, d.lag())):
		return doFull, isReopened, now // the full backup that comes after it is planned, too
	case l.NeedsFull != "":
		why, at = d.neededFull(now)
		return doFull, why, at
	case d.prepared && !now.Before(d.fullAgain) && d.w.fulls.isFreeFor(d):
		return doFull, planned, now // increments go on until then
	case l.Commits > 0 && d.nudged:
		return doBackup, "", now
	case l.Commits > 0:
		at = d.pace.runAt(times{now, d.dirtySince, d.lastEvent, d.lastRun, l.UnsavedBytes}, d.lag())
		if ask := d.asked.Add(d.askEach()); d.askEach() > 0 && ask.Before(at) {
			return doCheck, "", ask // where the lag is hours
		}
		if d.pace.yields > 0 {
			return doReread, "", at
		}
		return doBackup, "", at
	case d.proveEach() > 0 && now.Sub(d.board.safe()) >= d.proveEach(), d.store.takeCheck(now, d.w.storeCheck):
		return doCheck, "", now
	case d.proveEach() > 0:
		return doCheck, "", d.board.safe().Add(d.proveEach())
	}
	return "", "", time.Time{}
}

// proveEach is how long the archive may go without proof that it has everything; 0 for any time.
func (d *database) proveEach() time.Duration {
	each := d.askEach()
	if each <= 0 || d.target.Prove > 0 && d.target.Prove < each {
		return d.target.Prove
	}
	return each
}

// askEach is how long the archive may go without saying that it is still there; 0 for any time. The
// check of a store asks for one of its archives alone, and never while others are backed up into it: a
// page that calls this one safe needs an answer of its own.
func (d *database) askEach() time.Duration {
	if d.w.storeCheck < 0 {
		return 0
	}
	return d.w.opts.AskEach
}

// neededFull returns why a full backup is taken that the database needs, and when. Of 0.5, each
// checkpoint and each opening asks for one.
func (d *database) neededFull(now time.Time) (reason, time.Time) {
	if d.look.Newest.Generation == "0.5" {
		return isReopened, d.reopened.at(now, d.lag())
	}
	return isUnplanned, d.unplanned.at(now)
}

// launchRun starts a run on the session.
func (d *database) launchRun(ctx context.Context, w *work, slot *slots) {
	d.board.mu.Lock()
	d.board.moved = progress{alive: w.began}
	d.board.mu.Unlock()
	var job func(context.Context) outcome
	switch w.kind {
	case doCheck:
		job = func(ctx context.Context) outcome {
			if w.tries {
				return outcome{err: withinTime(ctx, trialTime, d.archive.Check)}
			}
			return outcome{err: d.archive.Check(ctx)}
		}
	case doReread:
		job = func(ctx context.Context) outcome { return outcome{err: d.archive.Reread(ctx)} }
	default:
		b := archiver.SessionBackup{Observer: d.board.observe, NoFull: w.kind == doBackup, Full: w.reason == planned}
		w.noHold = d.guard.state.GivenUp && !d.guard.mayHold()
		b.NoHold = w.noHold
		job = func(ctx context.Context) outcome {
			r, err := d.archive.Backup(ctx, b)
			return outcome{report: r, err: err}
		}
		d.firstChange, d.lastRun = time.Time{}, w.began
	}
	d.run = w
	d.launch(ctx, w, slot, job)
}

// launch starts a goroutine that does the job of w, gives the slot back, and reports to the
// loop.
func (d *database) launch(ctx context.Context, w *work, slot *slots, job func(context.Context) outcome) {
	ctx, w.cancel = context.WithCancel(ctx)
	go func() {
		defer w.cancel()
		o := job(ctx)
		slot.give()
		o.work, o.ended, o.isStopped = w, time.Now(), ctx.Err() != nil
		d.results <- o
	}()
}

// withinTime calls f, and ends it after limit. The error then says that the store gave no
// answer.
func withinTime(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	trial, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := f(trial)
	if err != nil && trial.Err() != nil && ctx.Err() == nil {
		return &archiver.Error{Code: archiver.CodeStore, Err: fmt.Errorf("no answer from the store in %s", limit)}
	}
	return err
}
