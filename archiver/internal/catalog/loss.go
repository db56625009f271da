package catalog

import (
	"errors"
	"math"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Loss is a record that is missing or damaged.
type Loss struct {
	Seq     manifest.Seq        // of the backup that it is or may have been
	Outline *manifest.Committed // as a later record repeats it; nil if nothing is known of it
	Err     error               // what is wrong with it, a [*manifest.ObjectError]
}

// Despite returns the catalog of the same backups, of an archive with these losses, ascending.
// It has a route only if the archive without losses leads to the same state.
func (c *Catalog) Despite(losses []Loss) *Catalog {
	return &Catalog{c.backups, c.bySeq, losses}
}

// proven returns what route has returned, r or err, if no loss can change it; else the error
// of one that may.
func (c *Catalog) proven(t Target, r *Route, err error) (*Route, error) {
	_, unreachable := errors.AsType[*UnreachableError](err)
	if err != nil && !unreachable {
		return nil, err
	}
	whole := c.withOutlines()
	wanted, wantedErr := whole.route(t)
	switch {
	case err == nil && (wantedErr != nil || !c.isSame(t, r, wanted)), err != nil && wantedErr == nil:
		return nil, c.lossOf(wanted)
	}
	for _, l := range slices.Backward(c.losses) {
		if err != nil && l.Outline == nil || err == nil && whole.mayChange(l, t, r) {
			return nil, l.doubt(t)
		}
	}
	return r, err
}

// doubt is the error for a loss that may be what t means.
func (l Loss) doubt(t Target) error {
	e, ok := errors.AsType[*manifest.ObjectError](l.Err)
	if !ok || t.Timeline != 0 {
		return l.Err
	}
	return &manifest.ObjectError{Key: e.Key, Problem: e.Problem + "; it may be of a newer timeline that has what is asked for, unless a timeline is named"}
}

// withOutlines returns the catalog of an archive without those losses of which an outline is
// known.
func (c *Catalog) withOutlines() *Catalog {
	all := slices.Clone(c.backups)
	for _, l := range c.losses {
		all = append(all, l.Outline)
	}
	return New(all)
}

// lossOf returns the error of the last loss in a route, or else of the newest.
func (c *Catalog) lossOf(r *Route) error {
	newest := c.losses[len(c.losses)-1].Err
	if r == nil {
		return newest
	}
	for _, m := range slices.Backward(r.Chain) {
		for _, l := range c.losses {
			if l.Seq == m.Seq {
				return l.Err
			}
		}
	}
	return newest
}

// isSame reports whether a route of c to t gives the same state as another one: it ends with the
// same backup, or shows that the log of the same timeline goes on after the state.
func (c *Catalog) isSame(t Target, r, wanted *Route) bool {
	switch {
	case r.Last().Timeline != wanted.Last().Timeline:
		return false
	case t.Time != nil && (r.Time == nil || wanted.Time == nil):
		return r.Time == nil && wanted.Time == nil && r.Last().Seq == wanted.Last().Seq
	case t.Time != nil:
		return r.Time.Equal(*wanted.Time) && (r.Last().Seq == wanted.Last().Seq || r.goesOn())
	}
	return r.Last().Seq == wanted.Last().Seq || t.Epoch != nil && (r.goesOn() || c.isContinued(r.Last()))
}

// isContinued reports whether a backup continues m.
func (c *Catalog) isContinued(m *manifest.Committed) bool {
	return slices.ContainsFunc(c.backups, func(b *manifest.Committed) bool { return b.Continues != nil && *b.Continues == m.Seq })
}

// goesOn reports whether the log of the chain has commits after the one at which it is cut.
func (r *Route) goesOn() bool {
	return r.Epoch != nil || r.Time != nil && r.Last().EndTime != nil && r.Last().EndTime.After(*r.Time)
}

// mayChange reports whether a loss may lead to another state than r, of which c, with all
// outlines, shows nothing.
func (c *Catalog) mayChange(l Loss, t Target, r *Route) bool {
	last := r.Last()
	if m := l.Outline; m != nil { // until when it was read, only its manifest says
		return t.Time != nil && r.Time == nil && m.Timeline == last.Timeline && m.Seq > last.Seq &&
			m.ReadUntil.IsZero() && m.CreatedAt.Before(t.Time.Add(max(t.Within, 1)))
	}
	from, to := c.around(l.Seq)
	switch {
	case t.Timeline != 0:
	case to > last.Timeline, t.Time != nil && from < last.Timeline:
		return true
	}
	return l.Seq > last.Seq && from <= last.Timeline && last.Timeline <= to && !r.goesOn() && !c.isContinued(last)
}

// around returns the oldest and the newest timeline that a backup of a number can be of: a
// later backup is of the same timeline as the one before it, or of a newer one.
func (c *Catalog) around(seq manifest.Seq) (from, to int) {
	from, to = 1, math.MaxInt
	for _, m := range c.backups {
		if m.Seq < seq {
			from = m.Timeline
			continue
		}
		if to = m.Timeline; m.Continues == nil {
			to-- // it begins that timeline
		}
		break
	}
	return from, to
}
