package salvage

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Choice is the best state that can be had at or before one that was asked for.
type Choice struct {
	Plan *catalog.Plan

	// Exact reports that it is the very state that was asked for, and proved to be; Unsure that
	// it may be: commits of its last epoch may have been in a record that is lost.
	Exact, Unsure bool

	// Wanted is what was asked for, as far as that is known.
	Wanted Wanted

	ImageOnly bool // it is the checkpoint of an image, without any log

	// Removed are the backups of the route that were removed, ascending.
	Removed []manifest.Seq
}

// Wanted is the state that was asked for.
type Wanted struct {
	Timeline int
	Epoch    *uint64
	Time     *time.Time
	Backup   uint64 // at whose end it is; 0 if it is that of an epoch or a time

	// MayBeLater reports that the epoch or time may have been meant of a later timeline, which
	// began with a record that is lost.
	MayBeLater bool
}

// Choose returns the best state at or before a target. The error is a
// [*catalog.UnreachableError] if there is none, and a [*journal.NoBackupError] if the archive
// never had the backup that was asked for.
func (s *Survey) Choose(ctx context.Context, t catalog.Target) (*Choice, error) {
	for {
		c, err := s.choose(ctx, t)
		object, ok := errors.AsType[*manifest.ObjectError](err)
		if !ok || !s.Damage(object.Key, object.Problem) {
			return c, err
		}
	}
}

func (s *Survey) choose(ctx context.Context, t catalog.Target) (*Choice, error) {
	aim, isLess, err := s.aim(t)
	if err != nil {
		return nil, err
	}
	spans, err := s.allSpans(ctx)
	if err != nil {
		return nil, err
	}
	c := &Choice{Wanted: Wanted{Timeline: aim.Timeline, Epoch: aim.Epoch, Time: aim.Time}}
	if aim.Backup != nil {
		c.Wanted.Backup = uint64(aim.Backup.Seq)
		if isLess {
			c.Wanted = Wanted{Backup: t.Backup}
			if t.Backup == 0 {
				c.Wanted.Backup = uint64(s.lost[len(s.lost)-1])
			}
		} else {
			c.Wanted.Epoch, c.Wanted.Time = &aim.Backup.EndEpoch, aim.Backup.EndTime
		}
	}
	best := s.plain(t)
	if best == nil {
		best = s.best(spans, aim)
	}
	for timeline := aim.Timeline - 1; best == nil && t.Timeline == 0 && timeline > 0; timeline-- {
		best = s.best(spans, catalog.Aim{Timeline: timeline, Time: aim.Time})
		if best != nil {
			best.exact, best.unsure = false, false
		}
	}
	if best == nil {
		return nil, &catalog.UnreachableError{Target: "what was asked for, or anything before it", Reach: s.reach(spans)}
	}
	c.Exact, c.Unsure = best.exact && !isLess, best.unsure && !isLess
	if c.Exact && t.Timeline == 0 && t.Backup == 0 && aim.Backup == nil && s.mayHaveLater(aim.Timeline) {
		c.Exact, c.Unsure, c.Wanted.MayBeLater = false, true, true
	}
	c.ImageOnly = len(best.route.Chain) == 1 && best.isImage
	for _, m := range best.route.Chain {
		if s.wasRemoved(m.Seq) {
			c.Removed = append(c.Removed, m.Seq)
		}
	}
	c.Plan, err = catalog.NewPlan(best.route, best.indexes, t)
	return c, err
}

// aim returns what a target means. isLess says that the archive had something later, of which
// nothing is known, and that this was meant.
func (s *Survey) aim(t catalog.Target) (a catalog.Aim, isLess bool, err error) {
	known := s.knownBackups()
	c := catalog.New(known)
	if len(s.lost) > 0 && t.Epoch == nil && t.Time == nil {
		newest := manifest.Seq(0)
		if all := c.All(); len(all) > 0 {
			newest = all[len(all)-1].Seq
		}
		last := s.lost[len(s.lost)-1]
		switch {
		case t.Backup != 0 && slices.Contains(s.lost, manifest.Seq(t.Backup)):
			isLess, last = true, manifest.Seq(t.Backup)
			known = slices.DeleteFunc(known, func(m *manifest.Committed) bool { return m.Seq > last })
			c, t = catalog.New(known), catalog.Target{Timeline: t.Timeline}
		case t.Backup == 0 && last > newest:
			isLess = true // of whatever timeline it was
		}
	}
	if b := manifest.Seq(t.Backup); b != 0 && !slices.ContainsFunc(known, func(m *manifest.Committed) bool { return m.Seq == b }) {
		i := slices.IndexFunc(s.parts, func(p *part) bool { return p.m.Seq == b })
		if i < 0 {
			return a, false, &journal.NoBackupError{Seq: t.Backup, First: 1, Last: uint64(s.list.Last()), Gone: b <= s.list.Last()}
		}
		c = catalog.New([]*manifest.Committed{s.parts[i].m})
	}
	a, err = c.Aim(t)
	if _, ok := errors.AsType[*catalog.UnreachableError](err); ok && t.Epoch != nil && len(s.lost) > 0 && len(known) > 0 {
		if timeline := newestFrom(known, *t.Epoch, t.Timeline); timeline > 0 {
			return catalog.Aim{Timeline: timeline, Epoch: t.Epoch}, false, nil
		}
	}
	return a, isLess, err
}

// mayHaveLater reports whether a timeline after this one may have begun with a record of which
// nothing is known.
func (s *Survey) mayHaveLater(timeline int) bool {
	if len(s.lost) == 0 {
		return false
	}
	newest, timelines, isKnown := manifest.Seq(0), 0, map[int]bool{}
	for _, m := range s.known {
		newest, timelines = max(newest, m.Seq), max(timelines, m.Timelines, m.Timeline)
		isKnown[m.Timeline] = true
	}
	for later := timeline + 1; later <= timelines; later++ {
		if !isKnown[later] {
			return true
		}
	}
	return s.lost[len(s.lost)-1] > newest
}

// newestFrom returns the newest timeline that begins at or before an epoch, 0 if there is none.
func newestFrom(known []*manifest.Committed, epoch uint64, timeline int) int {
	newest := 0
	for _, m := range known {
		if m.RestoreFrom <= epoch && (timeline == 0 || m.Timeline == timeline) {
			newest = max(newest, m.Timeline)
		}
	}
	return newest
}

// knownBackups returns the backups of which something is known, ascending.
func (s *Survey) knownBackups() []*manifest.Committed {
	var known []*manifest.Committed
	for _, e := range s.list.Backups {
		if m := s.shown(e); m != nil {
			known = append(known, m)
		}
	}
	return known
}

// shown returns the backup of an entry, as far as it is known; nil if nothing is, or if it is
// none.
func (s *Survey) shown(e journal.Entry) *manifest.Committed {
	if m := s.known[e.Record]; m != nil {
		if m.Kind == manifest.Merged && e.Seq != e.Record {
			as := *m.Manifest
			as.Seq, as.Kind = e.Seq, manifest.Incremental
			return &manifest.Committed{Manifest: &as, Digest: m.Digest, Record: e.Record}
		}
		if m.Kind.IsBackup() {
			return m
		}
		return nil
	}
	if m := s.known[e.Seq]; m != nil && m.Kind.IsBackup() {
		return m // what was merged is known, and the merged record is lost
	}
	return nil
}

// candidate is one state that can be had.
type candidate struct {
	route         *catalog.Route
	indexes       []*manifest.Index
	exact, unsure bool
	epoch         uint64
	isImage       bool
}

// best returns the best state of a timeline at or before what is aimed at, nil if there is
// none. An aim without an epoch, a time or a backup is the newest state.
func (s *Survey) best(spans []*span, a catalog.Aim) *candidate {
	var best *candidate
	for _, sp := range spans {
		if sp.base().m.Timeline != a.Timeline {
			continue
		}
		if c := s.within(sp, a); c != nil && (best == nil || c.isBetter(best)) {
			best = c
		}
	}
	return best
}

func (c *candidate) isBetter(o *candidate) bool {
	switch {
	case c.exact != o.exact:
		return c.exact
	case c.epoch != o.epoch:
		return c.epoch > o.epoch
	}
	return c.unsure && !o.unsure
}

// within returns the best state that a span has at or before an aim, nil if it has none.
func (s *Survey) within(sp *span, a catalog.Aim) *candidate {
	switch {
	case a.Time != nil:
		return s.withinTime(sp, *a.Time)
	case a.Epoch != nil:
		return s.withinEpoch(sp, *a.Epoch)
	case a.Backup != nil:
		if c := s.endOf(sp, a.Backup); c != nil {
			return c
		}
		c := s.withinEpoch(sp, a.Backup.EndEpoch)
		if c != nil && c.exact && !s.endsEpoch(a.Backup) { // it may have more than the backup
			c.exact, c.unsure = false, true
		}
		return c
	}
	return s.withinEpoch(sp, sp.to)
}

// endOf returns the state at the end of a backup, if the span leads there.
func (s *Survey) endOf(sp *span, m *manifest.Committed) *candidate {
	for i, p := range sp.chain {
		if p.m.Seq == m.Seq && !p.isRest {
			c := candidateOf(sp.chain[:i+1])
			c.exact, c.epoch = true, m.EndEpoch
			return c
		}
	}
	return nil
}

// withinEpoch returns the state of a span at an epoch, or the last one before.
func (s *Survey) withinEpoch(sp *span, epoch uint64) *candidate {
	if sp.from > epoch {
		return nil
	}
	n := 0
	for n < len(sp.chain) {
		end := sp.chain[n].m.EndEpoch
		n++
		if end > epoch || end == epoch && n < len(sp.chain) && sp.chain[n].m.Kind == manifest.Incremental && sp.chain[n].m.StartEpoch > epoch {
			break
		}
	}
	c := candidateOf(sp.chain[:n])
	if c.epoch = c.route.Last().EndEpoch; c.epoch > epoch {
		c.route.Epoch, c.epoch = &epoch, epoch
	}
	c.exact = sp.has(epoch)
	c.unsure = !c.exact && epoch == sp.to
	return c
}

// withinTime is withinEpoch for a time.
func (s *Survey) withinTime(sp *span, t time.Time) *candidate {
	base := sp.base().m
	if base.StartTime == nil || base.StartTime.After(t) {
		return nil
	}
	n, isIn := 0, false
	for n < len(sp.chain) && !isIn {
		end := sp.chain[n].m.EndTime
		isIn = end != nil && end.After(t)
		n++
	}
	c := candidateOf(sp.chain[:n])
	c.route.Time, c.epoch = &t, c.route.Last().EndEpoch
	c.exact = isIn || !sp.last().isRest && s.isLastBefore(sp.last().m, t)
	c.unsure = !c.exact && !sp.last().isRest && s.nextBackup(sp.last().m) == nil
	return c
}

// isLastBefore reports whether no commit up to a time follows a backup.
func (s *Survey) isLastBefore(m *manifest.Committed, t time.Time) bool {
	for _, next := range s.known {
		isNext := next.Kind.HasContent() && next.Continues != nil && *next.Continues == m.Seq && next.Timeline == m.Timeline
		if isNext && next.Kind != manifest.Full && next.StartTime != nil && next.StartTime.After(t) {
			return true
		}
	}
	next := s.nextBackup(m)
	for _, seq := range s.lost {
		if seq > m.Seq && (next == nil || seq < next.Seq) {
			return false
		}
	}
	return next == nil
}

func candidateOf(chain []*part) *candidate {
	c := &candidate{route: &catalog.Route{}}
	for _, p := range chain {
		c.route.Chain, c.indexes = append(c.route.Chain, p.m), append(c.indexes, p.index)
	}
	c.isImage = chain[0].isRest && chain[0].m.Commits == 0
	return c
}

// reach returns what can be had, for an error.
func (s *Survey) reach(spans []*span) []catalog.Reach {
	var all []catalog.Reach
	for _, sp := range spans {
		last := sp.last().m
		all = append(all, catalog.Reach{
			Timeline: last.Timeline, FromEpoch: sp.from, ToEpoch: sp.to, AsOf: last.CreatedAt,
			FirstBackup: uint64(sp.base().m.Seq), LastBackup: uint64(last.Seq),
		})
	}
	return all
}
