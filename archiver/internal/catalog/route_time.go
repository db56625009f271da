package catalog

import (
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// toTime returns the route to a time. It is on the timeline of the first backup that was
// taken after it, which saw what the database was then.
func (c *Catalog) toTime(from time.Time, within time.Duration, timeline int) (*Route, error) {
	t := c.lastKnown(from, within, timeline)
	m, previous := c.firstKnowing(t, timeline)
	if m == nil {
		err := c.unreachable(inWords(from))
		if previous != nil {
			err.Known = knownUntil(previous)
		}
		return nil, err
	}
	if err := c.ambiguous(t, m.Timeline); err != nil {
		return nil, err
	}
	if !hasTimes(m) {
		return c.lastBefore(from, t, m.Timeline)
	}
	chain := c.chainCovering(m.Timeline,
		func(full *manifest.Committed) bool { return full.StartTime != nil && !full.StartTime.After(t) },
		func(fromFull []*manifest.Committed) *manifest.Committed { // the first with a commit after t, or the last
			for _, m := range fromFull {
				if m.EndTime != nil && m.EndTime.After(t) {
					return m
				}
			}
			return fromFull[len(fromFull)-1]
		})
	switch {
	case chain != nil:
		return &Route{Chain: chain, Time: &t}, nil
	case previous != nil && !hasTimes(previous):
		return c.lastBefore(from, t, previous.Timeline) // the database was upgraded after t
	case m.StartTime == nil:
		return c.lastBefore(from, t, m.Timeline) // it had no log, whose commits have times
	}
	return nil, c.unreachable(inWords(from))
}

// firstKnowing returns the first backup, in the order of time, that knows what the
// database was at t, and the one before it. If there is none, previous is the last one.
func (c *Catalog) firstKnowing(t time.Time, timeline int) (m, previous *manifest.Committed) {
	for _, m := range c.byTime() {
		if timeline != 0 && m.Timeline != timeline {
			continue
		}
		if !knownUntil(m).Before(t) {
			return m, previous
		}
		previous = m
	}
	return nil, previous
}

// lastBefore returns the route to the last backup of a timeline that was read at or
// before t, or taken between from and t: the state at a time of a database whose commits
// have none.
func (c *Catalog) lastBefore(from, t time.Time, timeline int) (*Route, error) {
	m := c.lastTaken(from, t, timeline)
	if m == nil {
		return nil, c.unreachable(inWords(t))
	}
	return c.toEnd(m)
}

// lastTaken returns the backup to which lastBefore leads, nil if there is none.
func (c *Catalog) lastTaken(from, t time.Time, timeline int) *manifest.Committed {
	var m *manifest.Committed
	for _, b := range c.of(timeline) {
		if !b.ReadUntil.IsZero() && !b.ReadUntil.After(t) || !b.CreatedAt.Before(from) && !b.CreatedAt.After(t) {
			m = b
		}
	}
	return m
}

// ambiguous returns an [*UnreachableError] if a timeline has the time t twice: a clock was
// set back, so that a backup that was read, or ends, after t is followed by one that was
// read, or ends, before it. What the state was at t depends on which clock was right.
func (c *Catalog) ambiguous(t time.Time, timeline int) error {
	var read, ends *manifest.Committed // the first ones after t
	for _, m := range c.of(timeline) {
		readAfter, endsAfter := knownUntil(m).After(t), m.EndTime != nil && m.EndTime.After(t)
		first := read
		if readAfter {
			first = nil
		}
		if first == nil && ends != nil && m.EndTime != nil && !endsAfter {
			first = ends
		}
		if first != nil {
			err := c.unreachable(inWords(t))
			err.SetBack = [2]uint64{uint64(first.Seq), uint64(m.Seq)}
			return err
		}
		if read == nil && readAfter {
			read = m
		}
		if ends == nil && endsAfter {
			ends = m
		}
	}
	return nil
}

// byTime returns all backups in the order of their times. That is the order of their
// numbers, unless older ones were imported later, or a clock was set back.
func (c *Catalog) byTime() []*manifest.Committed {
	list := slices.Clone(c.backups)
	slices.SortStableFunc(list, func(a, b *manifest.Committed) int { return knownUntil(a).Compare(knownUntil(b)) })
	return list
}

// lastKnown returns the last moment from a time on, and before that time + within, that a
// backup knows of. If none knows of the time itself, that is from.
func (c *Catalog) lastKnown(from time.Time, within time.Duration, timeline int) time.Time {
	t := from
	for _, m := range c.backups {
		if known := knownUntil(m); (timeline == 0 || m.Timeline == timeline) && !known.Before(from) {
			t = later(t, earlier(known, from.Add(max(within, 1)-1)))
		}
	}
	return t
}

// knownUntil returns the time up to which a backup knows what the database had committed.
func knownUntil(m *manifest.Committed) time.Time {
	if m.EndTime == nil {
		return m.CreatedAt
	}
	return later(m.CreatedAt, *m.EndTime)
}

// hasTimes reports whether the commits of the database have times.
func hasTimes(m *manifest.Committed) bool {
	return m.Database.Generation != string(grafeo.Gen05)
}

func inWords(t time.Time) string { return "the time " + t.Format(time.RFC3339Nano) }

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
