package archiver

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/internal/scratch"
	"github.com/gbak-s3/gbak-s3/archiver/internal/staging"
	"github.com/gbak-s3/gbak-s3/archiver/internal/structure"
	"github.com/gbak-s3/gbak-s3/storage"
)

// drill is one run of [Archive.Drill].
type drill struct {
	archive *Archive
	opts    DrillOptions
	began   time.Time
	report  DrillReport

	list      *journal.List   // as of the newest plan; nil before there is one
	plan      *catalog.Plan   // nil before there is one
	scratch   *scratch.Folder // nil if it could not be made
	database  string          // path of it, "" before it is restored
	want      structure.Want  // as the manifests say it
	found     structure.Found
	restoring time.Time // when the restore began
}

// proofs are all that the drill may prove.
func (d *drill) proofs() []*DrillCheck {
	return []*DrillCheck{&d.report.Bytes, &d.report.Structure, &d.report.Exec, &d.report.Digest}
}

func (d *drill) run(ctx context.Context) error {
	err := d.open()
	if err == nil {
		err = d.prove(ctx)
	}
	if ctx.Err() == nil {
		d.certify(ctx, err)
	}
	return d.clear(err)
}

// open makes the scratch folder, before anything is asked of the store.
func (d *drill) open() (err error) {
	d.scratch, err = scratch.Open(d.archive.disk, d.opts.Scratch, d.archive.log)
	return d.atScratch(err)
}

// atScratch returns the error of a step of the drill, as a [*ScratchError] if it is about a file of this host:
// a drill has others only below its scratch folder, and those of an archive in a directory are the store's.
func (d *drill) atScratch(err error) error {
	isOfFile := as[*fs.PathError](err) || as[*os.LinkError](err) || as[*staging.SpaceError](err)
	if !isOfFile || as[*storage.Error](err) || as[*ScratchError](err) {
		return err
	}
	switch classify(err) {
	case CodeFailed, CodePermission, CodeDiskFull:
		return &ScratchError{d.opts.Scratch, err}
	}
	return err
}

// prove restores and checks the database. What is wrong with that is in the report.
func (d *drill) prove(ctx context.Context) error {
	target, err := d.target(ctx)
	if err != nil {
		return err
	}
	d.restoring = time.Now()
	err = pursue(ctx, d.archive, target, func(p *pursuit) error { return d.restore(ctx, p) })
	if err != nil {
		return d.judge(ctx, err)
	}
	d.report.RestoreTime = time.Since(d.restoring)
	d.report.Bytes = DrillCheck{Result: DrillOK, Took: d.report.RestoreTime}
	progress.Tell(ctx, PhaseVerify)
	for _, check := range []func(context.Context) error{d.checkStructure, d.checkContent, d.checkDigest} {
		if err := check(ctx); err != nil || !d.report.OK() {
			return err
		}
	}
	return nil
}

// target returns the state to restore: the one that was asked for, or one that is or was drawn.
func (d *drill) target(ctx context.Context) (catalog.Target, error) {
	if !d.opts.Random {
		return d.opts.Target.of, nil
	}
	var list *journal.List
	var c *catalog.Catalog
	err := d.archive.upToDate(ctx, func() (l *journal.List, err error) {
		if l, err = d.archive.backups(ctx, catalog.Target{}); err == nil {
			list = l
			c, err = d.archive.journal.Catalog(ctx, l)
		}
		return l, err
	})
	if err != nil {
		return catalog.Target{}, err
	}
	reach := c.Reach()
	if len(reach) == 0 {
		return catalog.Target{}, &catalog.UnreachableError{Target: "any state"}
	}
	if f, err := d.failedDraw(ctx, list); err != nil {
		return catalog.Target{}, err
	} else if f != nil && slices.ContainsFunc(reach, func(r catalog.Reach) bool { return r.Has(f.Timeline, f.Epoch) }) {
		return catalog.Target{Timeline: f.Timeline, Epoch: &f.Epoch}, nil
	}
	timeline, epoch := draw(reach)
	return catalog.Target{Timeline: timeline, Epoch: &epoch}, nil
}

// failedDraw returns the state that was drawn and whose drill failed, as far as this is known; nil for none.
// It is drawn again: that another one is whole would say nothing of it.
func (d *drill) failedDraw(ctx context.Context, l *journal.List) (*Drilled, error) {
	p, unknown, err := d.archive.proofsFor(ctx, l)
	if err != nil || unknown != nil || p.LastDrill == nil || p.LastDrill.OK || !p.LastDrill.Random {
		return nil, err
	}
	return p.LastDrill, nil
}

// draw returns one of all epochs that can be restored, each as likely as any other.
func draw(reach []catalog.Reach) (timeline int, epoch uint64) {
	states := func(r catalog.Reach) float64 { return float64(r.ToEpoch-r.FromEpoch) + 1 }
	all := 0.0
	for _, r := range reach {
		all += states(r)
	}
	at, chosen := rand.Float64()*all, reach[len(reach)-1]
	for _, r := range reach {
		if at -= states(r); at < 0 {
			chosen = r
			break
		}
	}
	span := chosen.ToEpoch - chosen.FromEpoch
	if span+1 == 0 {
		return chosen.Timeline, rand.Uint64()
	}
	return chosen.Timeline, chosen.FromEpoch + rand.Uint64N(span+1)
}

// restore is one attempt to restore the database into the scratch folder.
func (d *drill) restore(ctx context.Context, p *pursuit) error {
	d.list = p.list
	plan, err := d.archive.planTo(ctx, p)
	if err != nil {
		return err
	}
	d.plan, d.report.Plan, d.want = plan, planOf(plan), structure.WantOf(plan)
	if err := d.checkRoom(); err != nil {
		return err
	}
	target := d.scratch.Path(nameOf(plan.Route.Last().Database.Name))
	r, err := d.archive.restorePlan(ctx, target, plan, RestoreOptions{inspect: d.inspect(ctx)})
	d.report.Plan = planOf(plan) // its state is exact now
	if err == nil {
		d.database, d.report.Reopen = target, r.Reopen
	}
	return d.atScratch(err)
}

// nameOf returns the name of a restored database: the one that it had, if that can be the name of a file.
func nameOf(name string) string {
	if name != filepath.Base(name) || !filepath.IsLocal(name) || name == "." || name == "lock" {
		return "database.grafeo"
	}
	return name
}

// checkRoom makes sure that the database fits into the scratch folder, and a tenth more: what opens it may
// write.
func (d *drill) checkRoom() error {
	needed := d.plan.Cost.RawBytes + d.plan.Cost.RawBytes/10
	space, ok := d.archive.space(d.opts.Scratch)
	if ok && space.Sure && needed > space.Free {
		return d.atScratch(&staging.SpaceError{Path: d.opts.Scratch, Needed: needed, Free: space.Free})
	}
	return nil
}

// inspect returns what looks at a log that is going to be trimmed: of what is left of it, the end does not
// tell the state.
func (d *drill) inspect(ctx context.Context) func(logDir string, plan *catalog.Plan) error {
	return func(logDir string, plan *catalog.Plan) error {
		if plan.Replay == nil {
			return nil
		}
		return structure.CheckLog(ctx, logDir, d.want)
	}
}

// judge returns the error of a restore, unless it is what the drill was to find out.
func (d *drill) judge(ctx context.Context, err error) error {
	took := time.Since(d.restoring)
	switch code := classify(err); {
	case ctx.Err() != nil || d.list == nil:
		return err
	case as[*structure.MismatchError](err), code == CodeDamagedDatabase:
		d.report.Bytes = DrillCheck{Result: DrillOK, Took: took}
		d.report.Structure = DrillCheck{Result: DrillFailed, Why: err.Error()}
	case code == CodeDamagedArchive:
		d.report.Bytes = DrillCheck{Result: DrillFailed, Why: err.Error(), Took: took}
	default:
		return err
	}
	return nil
}

// checkStructure reads the restored files as a database.
func (d *drill) checkStructure(ctx context.Context) (err error) {
	p, began := &d.report.Structure, time.Now()
	d.found, err = structure.Check(ctx, d.database, d.want)
	p.Took = time.Since(began)
	switch {
	case as[*structure.MismatchError](err):
		p.Result, p.Why = DrillFailed, err.Error()
	case err != nil:
		return d.atScratch(err)
	default:
		p.Result = DrillOK
	}
	return nil
}

// checkContent runs the check of the user.
func (d *drill) checkContent(ctx context.Context) error {
	if d.opts.Check == nil {
		return nil
	}
	p, began := &d.report.Exec, time.Now()
	result, err := d.opts.Check(ctx, d.database)
	p.Took = time.Since(began)
	if err != nil {
		return err
	}
	if p.Result = DrillOK; !result.OK {
		p.Result, p.Why = DrillFailed, result.Why
		if p.Why == "" {
			p.Why = "the database did not pass it"
		}
	}
	d.report.Reported = strings.ToValidUTF8(result.Digest, "?")
	return nil
}

// clear removes the scratch folder, or leaves it to the user.
func (d *drill) clear(err error) error {
	if d.scratch == nil {
		return err
	}
	if d.opts.Keep && d.database != "" {
		d.report.Database = d.database
		return errors.Join(err, d.scratch.Keep())
	}
	if left := d.scratch.Remove(); left != nil {
		d.archive.log.Warn("the drill could not remove its folder; the next one with the same scratch folder does", "folder", d.scratch.Dir, "err", left)
	}
	return err
}
