package catalog

import (
	"cmp"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Reach is a range of states of a timeline, each of which can be restored. After a removal,
// a timeline may have several.
type Reach struct {
	Timeline           int
	FromEpoch, ToEpoch uint64
	FromTime, ToTime   *time.Time // nil where the database keeps no times
	AsOf               time.Time  // up to when it is known; what happened later is in no backup

	Database, DatabaseID string // name and id of its database, as of its newest backup
	Generation           grafeo.Generation

	FirstBackup, LastBackup uint64 // that give these states
}

// Has reports whether an epoch of a timeline is among the states.
func (r *Reach) Has(timeline int, epoch uint64) bool {
	return r.Timeline == timeline && r.FromEpoch <= epoch && epoch <= r.ToEpoch
}

// Reach returns what can be restored, the newest timeline first, and of each the lowest
// epochs first. It looks at each backup once, in order: the one that it continues comes
// before it.
//
// Two ranges of a timeline are never next to each other: an epoch at which nothing was
// committed parts none, and a backup that was removed does.
func (c *Catalog) Reach() []Reach {
	rangeOf := map[manifest.Seq]int{} // for each backup with a chain to its end, the range that it is in
	var all []Reach
	for _, m := range c.backups {
		i, ok := 0, false
		if parent := c.parent(m); parent != nil && parent.Timeline == m.Timeline {
			i, ok = rangeOf[parent.Seq]
		}
		switch {
		case ok:
			all[i].join(reachOf(m))
		case m.Kind == manifest.Full:
			i = len(all)
			all = append(all, reachOf(m))
		default:
			continue
		}
		rangeOf[m.Seq] = i
	}
	return joined(all)
}

// reachOf returns what a backup gives: an incremental, where the one before it ends.
func reachOf(m *manifest.Committed) Reach {
	r := Reach{
		Timeline: m.Timeline, FromEpoch: m.StartEpoch, ToEpoch: m.EndEpoch, FromTime: m.StartTime, ToTime: m.EndTime, AsOf: knownUntil(m),
		Database: m.Database.Name, DatabaseID: m.Database.ID, Generation: grafeo.Generation(m.Database.Generation),
		FirstBackup: uint64(m.Seq), LastBackup: uint64(m.Seq),
	}
	if m.Kind != manifest.Full {
		r.FromEpoch, r.FromTime = m.EndEpoch, m.EndTime // it gives no state without those before it
	}
	return r
}

// join makes r one range with o, which meets it.
func (r *Reach) join(o Reach) {
	if o.FromEpoch < r.FromEpoch {
		r.FromEpoch, r.FromTime = o.FromEpoch, o.FromTime
	}
	if o.ToEpoch >= r.ToEpoch {
		r.ToEpoch, r.ToTime = o.ToEpoch, o.ToTime
	}
	r.FirstBackup = min(r.FirstBackup, o.FirstBackup)
	if o.LastBackup > r.LastBackup {
		r.LastBackup, r.AsOf = o.LastBackup, o.AsOf
		r.Database, r.DatabaseID, r.Generation = o.Database, o.DatabaseID, o.Generation
	}
}

// joined sorts ranges and joins those that overlap or meet.
func joined(ranges []Reach) []Reach {
	slices.SortFunc(ranges, func(a, b Reach) int {
		return cmp.Or(cmp.Compare(b.Timeline, a.Timeline), cmp.Compare(a.FromEpoch, b.FromEpoch), cmp.Compare(a.FirstBackup, b.FirstBackup))
	})
	var all []Reach
	for _, r := range ranges {
		if n := len(all); n > 0 && all[n-1].Timeline == r.Timeline && (r.FromEpoch <= all[n-1].ToEpoch || r.FromEpoch == all[n-1].ToEpoch+1) {
			all[n-1].join(r)
			continue
		}
		all = append(all, r)
	}
	return all
}
