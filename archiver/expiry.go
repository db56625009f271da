package archiver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/gc"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/keeping"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/internal/retention"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// expiry is one run of [Archive.Expire].
type expiry struct {
	archive *Archive
	opts    ExpireOptions
	rules   *manifest.Rules
	report  ExpireReport

	list  *journal.List
	names *gc.Names
	now   time.Time // by the store's clock

	probes int // objects that killed probes have left
}

func (e *expiry) complete() error {
	if e.opts.Grace == 0 {
		e.opts.Grace = DefaultGrace
	}
	e.opts.Grace = max(e.opts.Grace, 0)
	if e.rules = e.opts.Rules.document(); e.rules != nil {
		return e.rules.Validate()
	}
	return nil
}

// look is a run that changes nothing.
func (e *expiry) look(ctx context.Context) error {
	_, err := e.archive.state(ctx, func(s *keeping.State) error {
		if err := e.archive.journal.CheckMirror(ctx, s.List); err != nil {
			return e.ofMirror(ctx, err, false)
		}
		_, err := e.decide(ctx, s)
		return err
	})
	if e.opts.MarkOnly {
		e.report.Deleted, e.report.Manifests = Amount{}, 0
	}
	return err
}

// apply is a run that removes and deletes.
func (e *expiry) apply(ctx context.Context) error {
	return e.archive.upToDate(ctx, func() (*journal.List, error) {
		err := e.applyOnce(ctx)
		if e.report.Applied {
			return nil, err
		}
		return e.list, err
	})
}

// applyOnce is apply, unless another expiry deletes what is being counted.
func (e *expiry) applyOnce(ctx context.Context) error {
	a := e.archive
	kept, err := keeping.Update(ctx, a.journal, updateOptions(a, "", BackupOptions{}), a.author(e.opts.CommitTimeout), e.decide)
	if as[*journal.MirrorError](err) {
		return e.ofMirror(ctx, err, true)
	}
	if kept != nil {
		e.report.Keep, e.report.Applied = uint64(kept.Seq), true
		e.waitUntil(e.now)
	}
	if err != nil {
		e.report.Deleted, e.report.Manifests = Amount{}, 0
		return err
	}
	isIdle := e.report.Deleted.Objects+e.report.Manifests+int64(e.probes) == 0
	keepsVersions := !e.opts.MarkOnly && (kept != nil || e.list.Keep != nil) && e.keepsVersions(ctx)
	if e.opts.MarkOnly || isIdle && !keepsVersions || kept == nil && e.list.Keep == nil {
		e.report.Deleted, e.report.Manifests = Amount{}, 0
		return nil
	}
	if kept != nil {
		if kept, err = keeping.ReadBack(ctx, a.journal, kept); err != nil {
			e.report.Deleted, e.report.Manifests = Amount{}, 0
			return err
		}
	} else { // nothing leaves the list: what is dead, is by the newest keep
		kept = e.list.Keep
		if _, err := e.countFor(ctx, gc.Keep{Seq: kept.Seq, Keeping: kept.Keeping, Keys: kept.Keys}, nil); err != nil {
			return err
		}
	}
	e.report.Applied = e.report.Applied || !isIdle
	if err := e.sweep(ctx, kept); err != nil || !keepsVersions {
		return err
	}
	return e.sweepVersions(ctx, kept)
}

// decide decides which backups stay, reports that, and returns the keep that says so; nil
// if nothing is to be changed.
func (e *expiry) decide(ctx context.Context, s *keeping.State) (*keeping.Next, error) {
	e.report = ExpireReport{Head: uint64(s.List.Last()), Grace: e.opts.Grace}
	e.list = s.List
	if was := e.opts.IfHead; was != 0 && was != e.report.Head {
		return nil, &headMovedError{was, e.report.Head}
	}
	rules := e.rules
	if rules == nil && len(e.opts.Remove) == 0 {
		if rules = s.Policy(); rules == nil {
			return nil, &noRulesError{}
		}
	}
	giveUp, err := e.giveUp(s)
	if err != nil {
		return nil, err
	}
	if rules != nil && !s.HasTimes() {
		return nil, &storage.Error{Op: storage.OpList, Key: manifest.ManifestPrefix, Err: storage.ErrNoTime}
	}
	n := &keeping.Next{Pins: s.Pins(), Policy: s.Policy()}
	if n.Decision, err = s.Decide(rules, n.Pins, giveUp); err != nil {
		return nil, err
	}
	if e.now, err = e.archive.objects.Now(ctx); err != nil && (e.opts.Grace > 0 || !errors.Is(err, storage.ErrNoTime)) {
		return nil, err
	}
	n.OwnHorizon = e.opts.Grace == 0
	if n.Horizon, err = s.Horizon(ctx, e.now, e.opts.Grace); err != nil {
		return nil, err
	}
	e.describe(s, n.Decision)
	if rules != nil && rules.Window > 0 {
		from := n.Decision.Times.Now.Add(-time.Duration(rules.Window) * time.Second)
		e.report.WindowFrom = &from
	}
	census, err := e.count(ctx, s, n)
	if err != nil {
		return nil, err
	}
	if e.probes, err = gc.CountProbes(ctx, e.archive.objects, e.probesBefore()); err != nil {
		return nil, err
	}
	isAnyDead := census.Dead.Objects+census.Manifests > 0 || e.probes > 0 && s.List.Keep == nil
	isNewDead := n.Horizon > horizonOf(s.Keep())
	if n.OwnHorizon { // whatever is before the newest keep is dead already if that is its own horizon, too
		isNewDead = s.KeepSeq() == 0 || horizonOf(s.Keep()) < s.KeepSeq() || census.NewestDead >= s.KeepSeq()
	}
	isYoung := census.Waiting.Objects > 0 && census.Youngest >= s.KeepSeq() // no keep yet will let it go
	if !s.ChangesList(*n) && !isYoung && !(isNewDead && isAnyDead) {
		return nil, nil
	}
	return n, nil
}

// giveUp returns the backups that are to be given up. Each must be in the list.
func (e *expiry) giveUp(s *keeping.State) ([]manifest.Seq, error) {
	var seqs []manifest.Seq
	for _, b := range e.opts.Remove {
		if _, ok := s.List.Find(manifest.Seq(b)); !ok {
			return nil, noBackup(s.List, manifest.Seq(b))
		}
		seqs = append(seqs, manifest.Seq(b))
	}
	return seqs, nil
}

func horizonOf(k *manifest.Keeping) manifest.Seq {
	if k == nil {
		return 0
	}
	return k.DeadBefore
}

// describe reports a decision.
func (e *expiry) describe(s *keeping.State, d *retention.Decision) {
	r := &e.report
	r.Verdicts = verdictsOf(d)
	r.Removed = len(d.Goes())
	r.Kept = len(s.List.Backups) - r.Removed
	for _, seq := range d.Unreadable {
		r.Unreadable = append(r.Unreadable, uint64(seq))
	}
	for _, seq := range d.Times.Disbelieved {
		r.Disbelieved = append(r.Disbelieved, uint64(seq))
	}
	r.Before, r.After = reachOf(s.Catalog), reachOf(d.Rest())
	backups, bytes := d.ChainsOnly()
	r.ChainsOnly = Amount{int64(backups), bytes}
}

// count counts what the keep that puts n into effect would leave, and what it would not.
func (e *expiry) count(ctx context.Context, s *keeping.State, n *keeping.Next) (*gc.Census, error) {
	progress.Tell(ctx, PhaseCount)
	k := s.Keeping(*n)
	var needed []manifest.Seq
	if len(n.Decision.Goes()) > 0 { // because of what must be whole then
		needed = n.Decision.Newest()
	}
	c, err := e.countFor(ctx, gc.Keep{Seq: s.List.Last() + 1, Keeping: &k.Keeping, Keys: s.List.Keys}, needed)
	if err != nil {
		return nil, err
	}
	r := &e.report
	if s.List.Keep != nil && c.Youngest < s.KeepSeq() && !s.ChangesList(*n) { // else it takes the keep that says so
		e.waitUntil(s.List.Written[s.KeepSeq()])
	}
	if r.Deleted.Objects+r.Waiting.Objects > 0 {
		r.Versioned, r.Locked = e.bucket(ctx)
	}
	return c, nil
}

// countFor reports what is dead for a keep, and what waits. The needed records are read as a
// restore reads them.
func (e *expiry) countFor(ctx context.Context, k gc.Keep, needed []manifest.Seq) (*gc.Census, error) {
	var err error
	if e.names, err = gc.Read(ctx, e.archive.journal, e.list, k, needed); err != nil {
		return nil, err
	}
	c, err := e.names.Census(ctx, e.archive.objects)
	if err != nil {
		return nil, err
	}
	if len(c.Damaged) > 0 {
		first := c.Damaged[0]
		return nil, &manifest.ObjectError{Key: first.Key, Problem: fmt.Sprintf("%s, and a backup needs it (there are %d such objects)", first.Problem, len(c.Damaged))}
	}
	r := &e.report
	r.Deleted, r.Waiting = amountOf(c.Dead), amountOf(c.Waiting)
	r.Orphans, r.Unknown, r.Manifests = int64(c.Orphans), int64(c.Unknown), int64(c.Manifests)
	r.Withheld = e.names.Withheld
	return c, nil
}

// waitUntil reports that what waits can go when a keep of this time is out of the grace.
func (e *expiry) waitUntil(written time.Time) {
	if e.report.WaitingUntil = nil; e.report.Waiting.Objects > 0 {
		until := written.Add(e.opts.Grace).UTC()
		e.report.WaitingUntil = &until
	}
}

// probesBefore is when objects were written that old probes have left.
func (e *expiry) probesBefore() time.Time {
	if e.now.IsZero() { // the store has no clock
		return e.now
	}
	return e.now.Add(-e.opts.Grace)
}

// sweep deletes what is dead for a keep.
func (e *expiry) sweep(ctx context.Context, kept *manifest.Committed) error {
	progress.Tell(ctx, PhaseDelete)
	var probesBefore time.Time
	if e.probes > 0 { // else none is looked for again
		probesBefore = e.probesBefore()
	}
	swept, err := e.names.Sweep(ctx, e.archive.objects, kept, probesBefore)
	r := &e.report
	r.Deleted, r.Manifests, r.Survivors = amountOf(swept.Deleted), int64(swept.Manifests), int64(swept.Survivors)
	for _, n := range swept.Refused {
		r.Refused += int64(n)
	}
	var refusal error
	for _, x := range swept.Refusals {
		refusal = cmp.Or(refusal, x.Err)
		r.RefusedKeys = append(r.RefusedKeys, RefusedKey{x.Key, classify(x.Err), x.Err})
	}
	switch {
	case err != nil:
		return err
	case r.Refused > 0:
		return fmt.Errorf("%d objects could not be deleted, the first of them %s: %w", r.Refused, swept.Refusals[0].Key, refusal)
	case r.Survivors > 0:
		return fmt.Errorf("the store says that it has deleted objects, and still has %d of those that were looked for: %w", r.Survivors, storage.ErrRefused)
	}
	return nil
}

func amountOf(a gc.Amount) Amount { return Amount{int64(a.Objects), a.Bytes} }
