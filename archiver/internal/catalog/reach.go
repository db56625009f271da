package catalog

import (
	"maps"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Reach is what can be restored of one timeline.
type Reach struct {
	Timeline           int
	FromEpoch, ToEpoch uint64
	FromTime, ToTime   *time.Time // nil where the database keeps no times
	AsOf               time.Time  // up to when it is known; what happened later is in no backup

	Database, DatabaseID string // name and id of its database, as of its newest backup
	Generation           grafeo.Generation
}

// Reach returns what can be restored, the newest timeline first. It looks at each backup
// once, in order: the one that it continues comes before it.
func (c *Catalog) Reach() []Reach {
	bases := map[manifest.Seq]*manifest.Committed{} // for each backup with a chain to its end, the full one that this begins with
	byTimeline := map[int]*Reach{}
	for _, m := range c.backups {
		base := m
		if m.Kind == manifest.Incremental {
			parent := c.parent(m)
			if parent == nil || bases[parent.Seq] == nil || parent.Timeline != m.Timeline {
				continue
			}
			base = bases[parent.Seq]
		}
		bases[m.Seq] = base
		r := byTimeline[m.Timeline]
		first := r == nil
		if first {
			r = &Reach{Timeline: m.Timeline}
			byTimeline[m.Timeline] = r
		}
		if first || base.StartEpoch < r.FromEpoch {
			r.FromEpoch, r.FromTime = base.StartEpoch, base.StartTime
		}
		if first || m.EndEpoch >= r.ToEpoch {
			r.ToEpoch, r.ToTime = m.EndEpoch, m.EndTime
		}
		r.AsOf = knownUntil(m)
		r.Database, r.DatabaseID, r.Generation = m.Database.Name, m.Database.ID, grafeo.Generation(m.Database.Generation)
	}
	var all []Reach
	for _, t := range slices.Backward(slices.Sorted(maps.Keys(byTimeline))) {
		all = append(all, *byTimeline[t])
	}
	return all
}
