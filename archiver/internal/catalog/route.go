package catalog

import (
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Route returns the route to a target. The error is an [*UnreachableError] if no backups
// give that state, and a [*manifest.ObjectError] if a backup that it needs is missing, or if
// a loss may be what the target means.
func (c *Catalog) Route(t Target) (*Route, error) {
	r, err := c.route(t)
	if len(c.losses) == 0 || t.Backup != 0 {
		return r, err
	}
	return c.proven(t, r, err)
}

// route is [Catalog.Route] by what is known.
func (c *Catalog) route(t Target) (*Route, error) {
	if t.Epoch != nil && t.Time != nil || t.Backup != 0 && (t.Epoch != nil || t.Time != nil) {
		return nil, errors.New("a target is a backup, an epoch or a time, and not two of them")
	}
	switch {
	case t.Epoch != nil:
		return c.toEpoch(*t.Epoch, t.Timeline)
	case t.Time != nil:
		return c.toTime(*t.Time, t.Within, t.Timeline)
	}
	var m *manifest.Committed
	for _, b := range c.backups {
		if t.Backup == uint64(b.Seq) || t.Backup == 0 && (t.Timeline == 0 || b.Timeline == t.Timeline) {
			m = b
		}
	}
	if m == nil {
		return nil, c.unreachable(fmt.Sprintf("timeline %d", t.Timeline))
	}
	return c.toEnd(m)
}

// toEnd returns the route to the end of m.
func (c *Catalog) toEnd(m *manifest.Committed) (*Route, error) {
	chain := c.ChainTo(m)
	if chain == nil {
		return nil, c.broken(m)
	}
	return &Route{Chain: chain}, nil
}

// toEpoch returns the route to an epoch, of the newest timeline that has it unless one is
// given.
func (c *Catalog) toEpoch(epoch uint64, timeline int) (*Route, error) {
	var found *Route
	for _, t := range c.timelines() {
		if timeline != 0 && t != timeline {
			continue
		}
		chain := c.chainCovering(t,
			func(full *manifest.Committed) bool { return full.StartEpoch <= epoch },
			func(fromFull []*manifest.Committed) *manifest.Committed { return reaching(fromFull, epoch) })
		switch {
		case chain == nil:
		case found == nil:
			found = &Route{Chain: chain}
			if m := found.Last(); m.EndEpoch != epoch {
				found.Epoch = &epoch
			}
		default:
			found.OtherTimelines = append(found.OtherTimelines, t)
		}
	}
	if found == nil {
		return nil, c.unreachable(fmt.Sprintf("epoch %d", epoch))
	}
	return found, nil
}

// reaching returns the backup of a timeline's list that has the last commit at epoch:
// the first one that reaches it, or a later one, as changes of the schema carry the epoch
// that was current. The log of a full backup begins where the backup before it ends; at
// which epoch, its manifest does not say.
func reaching(list []*manifest.Committed, epoch uint64) *manifest.Committed {
	for i, m := range list {
		if m.EndEpoch < epoch {
			continue
		}
		for _, next := range list[i+1:] {
			continues := next.Continues != nil && *next.Continues == m.Seq
			if m.EndEpoch > epoch || !continues || next.Kind == manifest.Incremental && next.StartEpoch > epoch {
				break
			}
			m = next
		}
		return m
	}
	return nil
}
