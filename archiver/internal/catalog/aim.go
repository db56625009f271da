package catalog

import (
	"errors"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Aim is the state that a target means, whether the archive can give it or not. One of
// Epoch, Time and Backup is set.
type Aim struct {
	Timeline int
	Epoch    *uint64             // the state at this epoch
	Time     *time.Time          // the state after the last commit at or before this time
	Backup   *manifest.Committed // the state at the end of this backup
}

// Aim returns what a target means, by the backups that are known, of which some may be
// lost. The error is an [*UnreachableError] if the target is outside of what these say.
func (c *Catalog) Aim(t Target) (Aim, error) {
	switch {
	case t.Epoch != nil && t.Time != nil || t.Backup != 0 && (t.Epoch != nil || t.Time != nil):
		return Aim{}, errors.New("a target is a backup, an epoch or a time, and not two of them")
	case t.Epoch != nil:
		return c.aimAtEpoch(*t.Epoch, t.Timeline)
	case t.Time != nil:
		return c.aimAtTime(t)
	}
	var m *manifest.Committed
	for _, b := range c.backups {
		if t.Backup == uint64(b.Seq) || t.Backup == 0 && (t.Timeline == 0 || b.Timeline == t.Timeline) {
			m = b
		}
	}
	if m == nil {
		return Aim{}, c.unreachable("the backup that was asked for")
	}
	return Aim{Timeline: m.Timeline, Backup: m}, nil
}

// aimAtEpoch returns the newest timeline that has an epoch: by chains, or as a backup says of
// those that it continues, if these are not known.
func (c *Catalog) aimAtEpoch(epoch uint64, timeline int) (Aim, error) {
	newest := 0
	has := func(t int, from, to uint64) {
		if from <= epoch && epoch <= to && (timeline == 0 || t == timeline) {
			newest = max(newest, t)
		}
	}
	for _, r := range c.Reach() {
		has(r.Timeline, r.FromEpoch, r.ToEpoch)
	}
	for _, m := range c.backups {
		has(m.Timeline, m.RestoreFrom, m.EndEpoch)
	}
	if newest == 0 {
		return Aim{}, c.unreachable("the epoch that was asked for")
	}
	return Aim{Timeline: newest, Epoch: &epoch}, nil
}

func (c *Catalog) aimAtTime(target Target) (Aim, error) {
	from := *target.Time
	t := c.lastKnown(from, target.Within, target.Timeline)
	m, previous := c.firstKnowing(t, target.Timeline)
	if m == nil {
		err := c.unreachable(inWords(from))
		if previous != nil {
			err.Known = knownUntil(previous)
		}
		return Aim{}, err
	}
	if err := c.ambiguous(t, m.Timeline); err != nil {
		return Aim{}, err
	}
	of := m.Timeline
	switch {
	case !hasTimes(m):
	case c.beginsBy(t, m.Timeline):
		return Aim{Timeline: m.Timeline, Time: &t}, nil
	case previous != nil && !hasTimes(previous):
		of = previous.Timeline // the database was upgraded after t
	case m.StartTime != nil:
		return Aim{}, c.unreachable(inWords(from))
	}
	last := c.lastTaken(from, t, of)
	if last == nil {
		return Aim{}, c.unreachable(inWords(t))
	}
	return Aim{Timeline: of, Backup: last}, nil
}

// beginsBy reports whether a full backup of a timeline begins at or before a time.
func (c *Catalog) beginsBy(t time.Time, timeline int) bool {
	return slices.ContainsFunc(c.of(timeline), func(m *manifest.Committed) bool {
		return m.Kind == manifest.Full && m.StartTime != nil && !m.StartTime.After(t)
	})
}
