package archiver

import (
	"context"
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// maxReplans is how often a pursuit plans again because backups were removed.
const maxReplans = 3

// pursuit is one attempt to have a state of the database, while others may remove backups.
type pursuit struct {
	list   *journal.List
	target catalog.Target

	needs []*manifest.Committed // the backups of the plan; nil before there is one
	route *catalog.Route        // to the target, as the first attempt planned it
}

// planned says what the attempt is going to read: these routes, of which the last one leads
// to the target.
func (p *pursuit) planned(routes ...*catalog.Route) {
	p.needs = nil
	for _, r := range routes {
		p.needs = append(p.needs, r.Chain...)
	}
	if p.route == nil {
		p.route = routes[len(routes)-1]
	}
}

// pursue calls attempt for a target, and again if it failed because backups that it needs
// were removed meanwhile: then for the very state that it was going to reach. If that is
// not to be had any more, the error is a [*catalog.UnreachableError]. What is damaged
// although it is needed still, is an error as ever.
func pursue(ctx context.Context, a *Archive, t catalog.Target, attempt func(*pursuit) error) error {
	var p pursuit
	for n := 0; ; n++ {
		progress.Tell(ctx, PhaseJournal)
		err := p.begin(ctx, a, t)
		if err == nil {
			err = attempt(&p)
		}
		if _, ok := errors.AsType[*journal.NoBackupError](err); ok && n > 0 {
			return a.unreachable(ctx, fmt.Sprintf("backup %d, which was removed meanwhile,", t.Backup))
		}
		if !as[*manifest.ObjectError](err) {
			return err
		}
		gone, lookErr := p.isGone(ctx, a)
		switch {
		case lookErr != nil:
			return &journal.UnseenError{Missing: err, Look: lookErr}
		case !gone:
			return err
		}
		if n == maxReplans {
			return a.unreachable(ctx, "the state that was asked for, whose backups were removed again and again,")
		}
		a.log.Info("backups that are needed were removed meanwhile; planning again", "err", err)
	}
}

// begin finds out which backups there are, and by which target the state is to be had.
func (p *pursuit) begin(ctx context.Context, a *Archive, t catalog.Target) (err error) {
	p.needs, p.target = nil, t
	if p.route == nil {
		p.list, err = a.backups(ctx, t)
		return err
	}
	p.list, err = a.backups(ctx, catalog.Target{})
	p.target = sameState(p.list, p.route)
	return err
}

// sameState returns the target that leads to the end of a route, whichever backups of it
// there are still.
func sameState(l *journal.List, r *catalog.Route) catalog.Target {
	last := r.Last()
	t := catalog.Target{Timeline: last.Timeline, Epoch: r.Epoch, Time: r.Time}
	if r.IsCut() {
		return t
	}
	if l != nil {
		if _, ok := l.Find(last.Seq); ok {
			return catalog.Target{Backup: uint64(last.Seq)}
		}
	}
	t.Epoch = &last.EndEpoch
	return t
}

// isGone reports whether something that the attempt needs was removed since its list was
// read; before it has a plan, whether anything may have been.
func (p *pursuit) isGone(ctx context.Context, a *Archive) (bool, error) {
	if p.list == nil {
		return false, nil
	}
	now, err := a.journal.Open(ctx, journal.Memory{})
	if err != nil || now.Keep == nil {
		return false, err
	}
	if p.needs == nil {
		return p.list.Keep == nil || p.list.Keep.Seq < now.Keep.Seq, nil
	}
	for _, m := range p.needs {
		if seq := m.RecordSeq(); seq < now.Keep.Seq && !now.Keep.Keeping.Alive.Contains(seq) {
			return true, nil
		}
	}
	return false, nil
}

// unreachable is the error for what is not to be had any more.
func (a *Archive) unreachable(ctx context.Context, what string) error {
	l, err := a.journal.Open(ctx, journal.Memory{})
	if err != nil {
		return err
	}
	c, err := a.journal.Catalog(ctx, l)
	if err != nil {
		return err
	}
	return &catalog.UnreachableError{Target: what, Reach: c.Reach()}
}
