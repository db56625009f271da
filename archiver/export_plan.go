package archiver

import (
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// stretch is the part of a history that one full backup and what continues it
// give, and the state at its end.
type stretch struct {
	route  *route
	target stateTarget

	// goesOn tells that the next stretch is of the same timeline, and that this one
	// has the log up to its image and what behind it is of the image's epoch.
	goesOn bool
}

// widen makes a route begin with an older full backup of its timeline, where the
// epoch of the image is not what the first one begins with, see [endOfFull].
func (c *catalog) widen(r *route) {
	base := r.chain[0]
	if endOfFull(base) == base.StartEpoch {
		return
	}
	for _, m := range c.of(base.Timeline) {
		if m.Kind != manifest.Full || m.Seq >= base.Seq {
			continue
		}
		if chain := c.chain(m, r.last()); chain != nil {
			r.chain = chain
			return
		}
	}
}

// endOfFull is the end epoch that a full backup has in a native folder: what is to
// be restored at a higher epoch takes the log behind it.
//
// A 0.5 image that has a log from the beginning of a run may be of the run before;
// then even its first epoch needs the log.
func endOfFull(base *manifest.Committed) uint64 {
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
func (c *catalog) upTo(base *manifest.Committed) (stretch, bool) {
	if base.Continues == nil || endOfFull(base) != base.StartEpoch {
		return stretch{}, false
	}
	list := c.of(base.Timeline)
	for i := len(list) - 1; i >= 0; i-- {
		if m := list[i]; m.Kind == manifest.Full && m.Seq < base.Seq && m.StartEpoch < base.StartEpoch {
			last := reaching(list[i:], base.StartEpoch)
			if last == nil {
				break
			}
			r := &route{chain: c.chain(m, last)}
			if last.EndEpoch != base.StartEpoch {
				r.epoch = &base.StartEpoch
			}
			return stretch{r, stateTarget{Epoch: &base.StartEpoch, Timeline: base.Timeline}, true}, r.chain != nil
		}
	}
	return stretch{}, false
}

// below finds the way to the highest epoch that the archive has below the full
// backup base, in its timeline or in an older one.
func (c *catalog) below(base *manifest.Committed) (stretch, bool) {
	if s, ok := c.upTo(base); ok {
		return s, true
	}
	limit, timeline, epoch := min(base.StartEpoch, endOfFull(base)), 0, uint64(0)
	if limit == 0 {
		return stretch{}, false
	}
	limit--
	for _, t := range c.timelines() {
		if t > base.Timeline {
			continue
		}
		for _, m := range c.of(t) {
			if chain := c.toEnd(m); chain != nil && chain[0].StartEpoch <= limit && m.Database.Generation == base.Database.Generation && m.Database.ID == base.Database.ID {
				if reached := min(m.EndEpoch, limit); timeline == 0 || reached > epoch {
					timeline, epoch = t, reached
				}
			}
		}
	}
	if timeline == 0 {
		return stretch{}, false
	}
	r, err := c.toEpoch(epoch, timeline)
	return stretch{r, stateTarget{Epoch: &epoch, Timeline: timeline}, false}, err == nil
}
