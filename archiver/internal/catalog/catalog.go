package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Target names a state of the database's history. The zero value is the newest
// one. At most one of Backup, Epoch and Time is set.
type Target struct {
	Backup uint64     // the state at the end of this backup, 0 for none
	Epoch  *uint64    // the state at this epoch
	Time   *time.Time // the state after the last commit at or before this time

	// Within says how much of Time was cut off: what is meant is a moment from Time
	// on that is before Time + Within, the last of them that the archive knows.
	// Databases without times of commits have the backup that was taken then.
	Within time.Duration

	// Timeline limits the choice to one timeline; 0 is the newest that has the
	// target, and for a time the one that was backed up next.
	Timeline int
}

// IsEnd tells that the target is where a backup ends, and which one is known
// without looking at the others.
func (t Target) IsEnd() bool { return t.Epoch == nil && t.Time == nil && t.Timeline == 0 }

// Route is the way to a target: a full backup, what continues it, and where
// the log has to be cut.
type Route struct {
	Chain []*manifest.Committed // the full first
	Epoch *uint64               // cut behind the last commit with at most this epoch
	Time  *time.Time            // or with at most this time
	Other []int                 // timelines that have the target, too
}

// Last is the backup in which the route ends.
func (r *Route) Last() *manifest.Committed { return r.Chain[len(r.Chain)-1] }

// Catalog is the manifests of an archive in the order of their numbers. Those
// that could not be read are missing.
type Catalog struct {
	Backups map[manifest.Seq]*manifest.Committed
	Seqs    []manifest.Seq // of backups, ascending
}

func New(all []*manifest.Committed) *Catalog {
	c := &Catalog{Backups: map[manifest.Seq]*manifest.Committed{}}
	for _, m := range all {
		if m != nil {
			c.Backups[m.Seq] = m
			c.Seqs = append(c.Seqs, m.Seq)
		}
	}
	slices.Sort(c.Seqs)
	return c
}

// of gives the backups of a timeline, ascending.
func (c *Catalog) of(timeline int) []*manifest.Committed {
	var list []*manifest.Committed
	for _, seq := range c.Seqs {
		if m := c.Backups[seq]; m.Timeline == timeline {
			list = append(list, m)
		}
	}
	return list
}

// timelines gives the numbers of all timelines, the newest first.
func (c *Catalog) timelines() []int {
	var list []int
	for _, m := range c.Backups {
		if !slices.Contains(list, m.Timeline) {
			list = append(list, m.Timeline)
		}
	}
	slices.SortFunc(list, func(a, b int) int { return cmp.Compare(b, a) })
	return list
}

// chain gives the way from the full backup base to m, nil if there is none. A
// full backup on the way stands for the log that it has.
func (c *Catalog) chain(base, m *manifest.Committed) []*manifest.Committed {
	chain := []*manifest.Committed{m}
	for m.Seq != base.Seq {
		if m.Continues == nil {
			return nil
		}
		before := c.Backups[*m.Continues]
		if before == nil || before.Seq < base.Seq || before.Timeline != m.Timeline {
			return nil
		}
		m = before
		chain = append(chain, m)
	}
	slices.Reverse(chain)
	return chain
}

// ToEnd gives the shortest chain to the end of m: from the newest full.
func (c *Catalog) ToEnd(m *manifest.Committed) []*manifest.Committed {
	for base := m; base != nil; {
		if base.Kind == manifest.Full {
			return c.chain(base, m)
		}
		base = c.Backups[*base.Continues]
	}
	return nil
}

// broken says which backup is missing in the chain to the end of m, where there
// is no such chain.
func (c *Catalog) broken(m *manifest.Committed) error {
	for m.Kind == manifest.Incremental {
		before := c.Backups[*m.Continues]
		if before == nil {
			return &manifest.ObjectError{Key: m.Continues.Key(), Problem: fmt.Sprintf("it is missing or damaged, and backup %d continues it", m.Seq)}
		}
		m = before
	}
	return &manifest.ObjectError{Key: m.Seq.Key(), Problem: "it is of another timeline than a backup that continues it"}
}

// covering gives the chain to a state of a timeline: from the newest full backup
// that is not behind it, to the backup that pick chooses of those from there on,
// if that continues the full one.
func (c *Catalog) covering(timeline int, notBehind func(*manifest.Committed) bool, pick func([]*manifest.Committed) *manifest.Committed) []*manifest.Committed {
	list := c.of(timeline)
	for i := len(list) - 1; i >= 0; i-- {
		base := list[i]
		if base.Kind != manifest.Full || !notBehind(base) {
			continue
		}
		if m := pick(list[i:]); m != nil {
			if chain := c.chain(base, m); chain != nil {
				return chain
			}
		}
	}
	return nil
}

// Route finds the way to a target. The error is an [*UnreachableError] if there is none.
func (c *Catalog) Route(t Target) (*Route, error) {
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
	for _, seq := range c.Seqs {
		if b := c.Backups[seq]; t.Backup == uint64(seq) || t.Backup == 0 && (t.Timeline == 0 || b.Timeline == t.Timeline) {
			m = b
		}
	}
	if m == nil {
		return nil, c.unreachable(fmt.Sprintf("timeline %d", t.Timeline))
	}
	chain := c.ToEnd(m)
	if chain == nil {
		return nil, c.broken(m)
	}
	return &Route{Chain: chain}, nil
}

func (c *Catalog) toEpoch(epoch uint64, timeline int) (*Route, error) {
	var found *Route
	for _, t := range c.timelines() {
		if timeline != 0 && t != timeline {
			continue
		}
		chain := c.covering(t,
			func(full *manifest.Committed) bool { return full.StartEpoch <= epoch },
			func(list []*manifest.Committed) *manifest.Committed { return reaching(list, epoch) })
		switch {
		case chain == nil:
		case found == nil:
			found = &Route{Chain: chain}
			if m := found.Last(); m.EndEpoch != epoch {
				found.Epoch = &epoch
			}
		default:
			found.Other = append(found.Other, t)
		}
	}
	if found == nil {
		return nil, c.unreachable(fmt.Sprintf("epoch %d", epoch))
	}
	return found, nil
}

// reaching gives the backup of a timeline's list in which the last commit at
// epoch is: the first one that reaches it, or a later one, as changes of the
// schema carry the epoch that was current. The log of a full one begins where the
// backup before it ends; with which epoch, its manifest does not say.
func reaching(list []*manifest.Committed, epoch uint64) *manifest.Committed {
	for i, m := range list {
		if m.EndEpoch < epoch {
			continue
		}
		for _, next := range list[i+1:] {
			if m.EndEpoch > epoch || next.Continues == nil || *next.Continues != m.Seq || next.Kind == manifest.Incremental && next.StartEpoch > epoch {
				break
			}
			m = next
		}
		return m
	}
	return nil
}

// toTime takes the timeline of the first backup that was taken after t: it saw
// what the database was then.
func (c *Catalog) toTime(from time.Time, within time.Duration, timeline int) (*Route, error) {
	what := "the time " + from.Format(time.RFC3339Nano)
	t := c.lastKnown(from, within, timeline)
	var newest *manifest.Committed
	for _, m := range c.byTime() {
		if timeline != 0 && m.Timeline != timeline {
			continue
		}
		before := newest
		newest = m
		if asOf(m).Before(t) {
			continue
		}
		if err := c.ambiguous(t, m.Timeline); err != nil {
			return nil, err
		}
		if m.Database.Generation == "0.5" {
			return c.lastBefore(from, t, m)
		}
		chain := c.covering(m.Timeline,
			func(full *manifest.Committed) bool { return full.StartTime != nil && !full.StartTime.After(t) },
			func(list []*manifest.Committed) *manifest.Committed { // the first that goes on behind it, or the last
				for _, m := range list {
					if m.EndTime != nil && m.EndTime.After(t) {
						return m
					}
				}
				return list[len(list)-1]
			})
		switch {
		case chain != nil:
			return &Route{Chain: chain, Time: &t}, nil
		case before != nil && before.Database.Generation == "0.5":
			return c.lastBefore(from, t, before) // it was upgraded after t
		case m.StartTime == nil:
			return c.lastBefore(from, t, m) // it had no log, whose commits have times
		}
		return nil, c.unreachable(what)
	}
	if newest == nil {
		return nil, c.unreachable(what)
	}
	err := c.unreachable(what)
	err.Known = asOf(newest)
	return nil, err
}

// byTime gives all backups in the order of their times. That is the order of their
// numbers, unless older ones were imported later, or a clock was set back.
func (c *Catalog) byTime() []*manifest.Committed {
	list := make([]*manifest.Committed, len(c.Seqs))
	for i, seq := range c.Seqs {
		list[i] = c.Backups[seq]
	}
	slices.SortStableFunc(list, func(a, b *manifest.Committed) int { return asOf(a).Compare(asOf(b)) })
	return list
}

// asOf is up to when a backup knows what the database had committed.
func asOf(m *manifest.Committed) time.Time {
	if m.EndTime == nil {
		return m.CreatedAt
	}
	return Later(m.CreatedAt, *m.EndTime)
}

// lastKnown is the last moment from a time on, and before that time + within, that
// a backup knows of, if one knows of the time itself.
func (c *Catalog) lastKnown(from time.Time, within time.Duration, timeline int) time.Time {
	t := from
	for _, m := range c.byTime() {
		if known := asOf(m); (timeline == 0 || m.Timeline == timeline) && !known.Before(from) {
			t = Later(t, earlier(known, from.Add(max(within, 1)-1)))
		}
	}
	return t
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// lastBefore is [catalog.toTime] where commits have no times: the state of the
// last backup that was read at or before t, or that was taken between from and t, of
// the timeline of next.
func (c *Catalog) lastBefore(from, t time.Time, next *manifest.Committed) (*Route, error) {
	var m *manifest.Committed
	for _, b := range c.of(next.Timeline) {
		if !b.ReadUntil.IsZero() && !b.ReadUntil.After(t) || !b.CreatedAt.Before(from) && !b.CreatedAt.After(t) {
			m = b
		}
	}
	if m == nil {
		return nil, c.unreachable("the time " + t.Format(time.RFC3339Nano))
	}
	chain := c.ToEnd(m)
	if chain == nil {
		return nil, c.broken(m)
	}
	return &Route{Chain: chain}, nil
}

// UnreachableError is the error for a state that no backups of the archive give.
type UnreachableError struct {
	Target string  // in words
	Reach  []Reach // what the archive has instead

	// SetBack are two backups, one after the other, of after and of before the target, a
	// time: a clock was set back between them. Zero if that is not why.
	SetBack [2]uint64

	// Known is up to when the newest backup knows the database, if the target is a time
	// after that; else zero.
	Known time.Time
}

func (e *UnreachableError) Error() string {
	var ranges []string
	for _, r := range e.Reach {
		s := fmt.Sprintf("timeline %d from epoch %d to %d", r.Timeline, r.FromEpoch, r.ToEpoch)
		if r.FromTime != nil {
			s += fmt.Sprintf(" (%s to %s)", r.FromTime.Format(time.RFC3339Nano), r.AsOf.Format(time.RFC3339Nano))
		} else {
			s += fmt.Sprintf(" (backups up to %s)", r.AsOf.Format(time.RFC3339Nano))
		}
		ranges = append(ranges, s)
	}
	text := fmt.Sprintf("%s cannot be reached; the archive has %s", e.Target, strings.Join(ranges, ", "))
	if e.SetBack != [2]uint64{} {
		return fmt.Sprintf("backup %d is of after it and backup %d, which follows, of before it, as a clock was set back: %s", e.SetBack[0], e.SetBack[1], text)
	}
	return text
}

func (c *Catalog) unreachable(what string) *UnreachableError {
	return &UnreachableError{Target: what, Reach: c.Reach()}
}

// Later returns the later one of two times: clocks may be set back.
func Later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
