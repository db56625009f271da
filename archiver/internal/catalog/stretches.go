package catalog

import (
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Stretch is a part of a history that begins with an image: of one full backup and what
// continues it, up to a target.
type Stretch struct {
	Route  *Route
	Target Target

	// Continues reports that the next stretch is of the same timeline, and that this one has
	// the log up to its image, and what comes after that at the image's epoch.
	Continues bool
}

// Stretches returns the stretches to a target, the lowest first: the last one ends with
// it, and each of the others with the highest epoch below the next one's image that the
// archive has.
func (c *Catalog) Stretches(t Target) ([]Stretch, error) {
	r, err := c.Route(t)
	if err != nil {
		return nil, err
	}
	c.widen(r)
	list := []Stretch{{Route: r, Target: t}}
	for {
		below, ok := c.below(list[0].Route.Chain[0])
		if !ok {
			return list, nil
		}
		c.widen(below.Route)
		list = slices.Insert(list, 0, below)
	}
}

// widen makes a route begin with an older full backup of its timeline if the first state
// of its own is not that of its image, see [EpochWithoutLog].
func (c *Catalog) widen(r *Route) {
	base := r.Chain[0]
	if EpochWithoutLog(base) == base.StartEpoch {
		return
	}
	for _, m := range c.of(base.Timeline) {
		if m.Kind != manifest.Full || m.Seq >= base.Seq {
			continue
		}
		if chain := c.chainFrom(m, r.Last()); chain != nil {
			r.Chain = chain
			return
		}
	}
}

// EpochWithoutLog returns the epoch of a full backup's image alone: restoring a higher
// epoch needs the log that comes with it. In a folder of Grafeo's own backups, the full
// backup ends at this epoch.
//
// A 0.5 image with a log from the beginning of a run may be of the run before; then even
// the first epoch needs the log, and the image's is one below that.
func EpochWithoutLog(base *manifest.Committed) uint64 {
	switch {
	case base.Database.Generation == string(grafeo.Gen06):
		return base.Database.ImageEpoch
	case base.Commits > 0:
		return max(base.StartEpoch, 1) - 1
	}
	return base.StartEpoch
}

// below returns the stretch up to the highest epoch that the archive has before the full
// backup base, on its timeline or on an older one.
func (c *Catalog) below(base *manifest.Committed) (Stretch, bool) {
	if s, ok := c.upTo(base); ok {
		return s, true
	}
	limit, timeline, epoch := min(base.StartEpoch, EpochWithoutLog(base)), 0, uint64(0)
	if limit == 0 {
		return Stretch{}, false
	}
	limit--
	for _, t := range c.timelines() {
		if t > base.Timeline {
			continue
		}
		for _, m := range c.of(t) {
			if m.Database.Generation != base.Database.Generation || m.Database.ID != base.Database.ID {
				continue
			}
			if chain := c.ChainTo(m); chain == nil || chain[0].StartEpoch > limit {
				continue
			}
			if reached := min(m.EndEpoch, limit); timeline == 0 || reached > epoch {
				timeline, epoch = t, reached
			}
		}
	}
	if timeline == 0 {
		return Stretch{}, false
	}
	r, err := c.toEpoch(epoch, timeline)
	return Stretch{r, Target{Epoch: &epoch, Timeline: timeline}, false}, err == nil
}

// upTo returns the stretch to the very epoch of the full backup base, from an older one of
// its timeline.
func (c *Catalog) upTo(base *manifest.Committed) (Stretch, bool) {
	if base.Continues == nil || EpochWithoutLog(base) != base.StartEpoch {
		return Stretch{}, false
	}
	list := c.of(base.Timeline)
	for i := len(list) - 1; i >= 0; i-- {
		if m := list[i]; m.Kind == manifest.Full && m.Seq < base.Seq && m.StartEpoch < base.StartEpoch {
			last := reaching(list[i:], base.StartEpoch)
			if last == nil {
				break
			}
			r := &Route{Chain: c.chainFrom(m, last)}
			if last.EndEpoch != base.StartEpoch {
				r.Epoch = &base.StartEpoch
			}
			return Stretch{r, Target{Epoch: &base.StartEpoch, Timeline: base.Timeline}, true}, r.Chain != nil
		}
	}
	return Stretch{}, false
}
