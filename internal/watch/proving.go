package watch

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// The kinds of work that prove an archive. doProof reads what it says of its proofs, and doDrill
// tries a restore.
const (
	doProof = "proof"
	doDrill = "drill"
)

// freshFor is how long a proof counts that was read: what is due by an older one may have been
// done by somebody else.
const freshFor = time.Minute

// shownFor is how long a proof is shown that nothing is due by: others may do drills.
const shownFor = day

// proving is what is known of the proofs of an archive. When a drill or a sample is due follows
// from the newest certificate, so that a restart or another host neither misses nor doubles one.
// What this watcher remembers only makes it wait longer: for archives that take no certificates
// from it, and after failures that left none.
type proving struct {
	began    time.Time
	read     time.Time // when the proof was read; zero if it must be
	drilled  time.Time // when the last drill of this watcher began
	isProved bool      // by that
	failed   int       // drills in a row that could not be done
	again    time.Time // not before that
	whyRead  string    // why the proof could not be read at the last try
	whyDrill string    // why the last drill could not be done
	state    ProofState
}

// isProofWanted reports whether anybody wants to know of proofs.
func (t *Target) isProofWanted() bool { return t.Drill.Every > 0 || t.isSampled() }

func (t *Target) isSampled() bool { return t.Verify > 0 && t.Sample > 0 }

// startProving starts a drill if one is due, and reads the proof that says so. It returns when
// something is due.
func (d *database) startProving(ctx context.Context, now time.Time) time.Time {
	p := &d.proving
	p.state.Due = d.drillDue(now)
	isWanted := d.target.isProofWanted()
	if !isWanted && !d.w.opts.History || d.drill != nil || !d.trouble.isNone() || !d.look.Known || d.look.Newest.Seq == 0 || d.store.isAway() {
		return time.Time{}
	}
	if p.again.After(now) {
		return p.again
	}
	if p.read.IsZero() || !isWanted && now.Sub(p.read) >= shownFor {
		return d.readProof(ctx, now)
	}
	if !isWanted {
		return p.read.Add(shownFor)
	}
	if p.state.Due.IsZero() || p.state.Due.After(now) {
		return p.state.Due
	}
	switch {
	case d.w.isAnyBehind(now): // the next tick looks again
	case !d.w.drills.isFreeFor(d):
	case now.Sub(p.read) > freshFor:
		return d.readProof(ctx, now)
	case d.w.drills.take(d):
		o := d.drillOrder()
		d.drill = &work{kind: doDrill, began: now}
		d.launch(ctx, d.drill, d.w.drills, func(ctx context.Context) outcome {
			r, err := d.archive.Drill(ctx, o)
			return outcome{drilled: &r, err: err}
		})
	}
	return time.Time{}
}

// readProof starts to read the proof, if there is a slot.
func (d *database) readProof(ctx context.Context, now time.Time) time.Time {
	if !d.w.runs.take(d) {
		return time.Time{}
	}
	d.drill = &work{kind: doProof, began: now}
	d.launch(ctx, d.drill, d.w.runs, func(ctx context.Context) outcome {
		p, err := d.archive.Proofs(ctx)
		return outcome{proofs: &p, err: err}
	})
	return time.Time{}
}

// isProofFresh reports whether what is known of proofs is what the archive says now.
func (d *database) isProofFresh(now time.Time) bool {
	return !d.proving.read.IsZero() && now.Sub(d.proving.read) <= freshFor
}

// drillDue returns when the next drill is due; zero if it is not known, or never.
func (d *database) drillDue(now time.Time) time.Time {
	p := &d.proving
	if p.read.IsZero() {
		return time.Time{}
	}
	last, isProved := p.drilled, p.isProved
	if l := p.state.Proofs.LastDrill; l != nil && l.At.After(last) {
		last, isProved = l.At, l.OK
	}
	every := d.target.Drill.Every
	if !isProved && !last.IsZero() {
		every = drillAgainAfter(every)
	}
	return provingDueAt(last, now, p.began, every, d.key)
}

// sampleDue returns when the next sample is due; zero if it is not known, or never.
func (d *database) sampleDue(now time.Time) time.Time {
	p := &d.proving
	if p.read.IsZero() {
		return time.Time{}
	}
	last := d.verify.state.LastGood
	if c := p.state.Proofs.Coverage; c != nil {
		last = later(last, c.LastAt)
	}
	return provingDueAt(last, now, p.began, d.target.Verify, d.key)
}

// drillOrder returns which drill is next: of the newest state, and of one that is drawn, in
// turns. One that failed comes again as it was, so that the alarm ends when that is mended.
func (d *database) drillOrder() DrillOrder {
	o := DrillOrder{DrillRules: d.target.Drill}
	if l := d.proving.state.Proofs.LastDrill; l != nil {
		o.Random = l.Random != l.OK
	}
	return o
}

// isAnyBehind reports whether any database has a commit that is older than its lag and not in the
// archive, and a drill would keep it from getting there. One that cannot be backed up whatever
// is left to it does not count.
func (w *Watcher) isAnyBehind(now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.databases {
		if s := d.board.state(); s.IsBehind(now) && (s.Phase == PhaseDirty || s.Phase == PhaseRunning) {
			return true
		}
	}
	return false
}

// mostDrillWait is the longest wait after drills that could not be done.
const mostDrillWait = 6 * time.Hour

// endProving takes in what came of a drill, or of a look at the proofs.
func (d *database) endProving(o outcome) {
	p, now := &d.proving, o.ended
	if o.isStopped && o.err != nil {
		return
	}
	switch isRead := o.work.kind == doProof; {
	case isRead && o.err == nil:
		p.read, p.state.At, p.state.Proofs, p.whyRead = now, now, *o.proofs, ""
	case isRead && !d.target.isProofWanted(): // it was only to be shown
		p.again, p.whyRead = now.Add(shownFor), o.err.Error()
		p.state.Why = p.whyRead
		return
	case isRead:
		p.again, p.whyRead = now.Add(againAfter), o.err.Error()
	case o.err == nil:
		p.drilled, p.isProved, p.failed, p.whyDrill = o.work.began, o.drilled.OK(), 0, ""
		d.outdateHistory()
		p.read = time.Time{} // it has left a certificate
		d.news(EventDrill, now).drill(o.drilled)
	default:
		p.again, p.whyDrill = now.Add(min(againAfter<<min(p.failed, 10), mostDrillWait)), o.err.Error()
		p.failed++
		p.read = time.Time{} // perhaps it has
	}
	p.state.Why = cmp.Or(p.whyRead, p.whyDrill)
	if o.err != nil {
		d.news(EventFailed, now).failed(o.work.kind, o.err)
	}
}

// drill tells of a drill.
func (e news) drill(r *archiver.DrillReport) {
	e.Drilled, e.Why = r, r.Why()
	level, text := slog.LevelInfo, "proven restorable"
	if !r.OK() {
		level, text = slog.LevelError, "a drill failed: this archive may not be restorable"
	}
	e.say(level, text, "timeline", r.Plan.Timeline, "epoch", r.Plan.Epoch, "why", e.Why, "restore_ms", r.RestoreTime.Milliseconds(),
		"requests", r.Requests.Total(), "elapsed_ms", r.Elapsed.Milliseconds())
}
