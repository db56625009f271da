package catalog

import (
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Stretch is the part of a history that one full backup and what continues it
// give, and the state at its end.
type Stretch struct {
	Route  *Route
	Target Target

	// goesOn tells that the next stretch is of the same timeline, and that this one
	// has the log up to its image and what behind it is of the image's epoch.
	Continues bool
}

// Widen makes a route begin with an older full backup of its timeline, where the
// epoch of the image is not what the first one begins with, see [endOfFull].
func (c *Catalog) Widen(r *Route) {
	base := r.Chain[0]
	if EndOfFull(base) == base.StartEpoch {
		return
	}
	for _, m := range c.of(base.Timeline) {
		if m.Kind != manifest.Full || m.Seq >= base.Seq {
			continue
		}
		if chain := c.chain(m, r.Last()); chain != nil {
			r.Chain = chain
			return
		}
	}
}

// EndOfFull is the end epoch that a full backup has in a native folder: what is to
// be restored at a higher epoch takes the log behind it.
//
// A 0.5 image that has a log from the beginning of a run may be of the run before;
// then even its first epoch needs the log.
func EndOfFull(base *manifest.Committed) uint64 {
	switch {
	case base.Database.Generation == string(grafeo.Gen06):
		return base.Database.ImageEpoch
	case base.Commits > 0:
		return max(base.StartEpoch, 1) - 1
	}
	return base.StartEpoch
}

// upTo finds the way to the very epoch of the full backup base from an older one of
// its timeline.
func (c *Catalog) upTo(base *manifest.Committed) (Stretch, bool) {
	if base.Continues == nil || EndOfFull(base) != base.StartEpoch {
		return Stretch{}, false
	}
	list := c.of(base.Timeline)
	for i := len(list) - 1; i >= 0; i-- {
		if m := list[i]; m.Kind == manifest.Full && m.Seq < base.Seq && m.StartEpoch < base.StartEpoch {
			last := reaching(list[i:], base.StartEpoch)
			if last == nil {
				break
			}
			r := &Route{Chain: c.chain(m, last)}
			if last.EndEpoch != base.StartEpoch {
				r.Epoch = &base.StartEpoch
			}
			return Stretch{r, Target{Epoch: &base.StartEpoch, Timeline: base.Timeline}, true}, r.Chain != nil
		}
	}
	return Stretch{}, false
}

// Below finds the way to the highest epoch that the archive has below the full
// backup base, in its timeline or in an older one.
func (c *Catalog) Below(base *manifest.Committed) (Stretch, bool) {
	if s, ok := c.upTo(base); ok {
		return s, true
	}
	limit, timeline, epoch := min(base.StartEpoch, EndOfFull(base)), 0, uint64(0)
	if limit == 0 {
		return Stretch{}, false
	}
	limit--
	for _, t := range c.timelines() {
		if t > base.Timeline {
			continue
		}
		for _, m := range c.of(t) {
			if chain := c.ToEnd(m); chain != nil && chain[0].StartEpoch <= limit && m.Database.Generation == base.Database.Generation && m.Database.ID == base.Database.ID {
				if reached := min(m.EndEpoch, limit); timeline == 0 || reached > epoch {
					timeline, epoch = t, reached
				}
			}
		}
	}
	if timeline == 0 {
		return Stretch{}, false
	}
	r, err := c.toEpoch(epoch, timeline)
	return Stretch{r, Target{Epoch: &epoch, Timeline: timeline}, false}, err == nil
}
