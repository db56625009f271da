// Package catalog decides which backups give which state of a database. It is pure: it
// works on manifests and indexes that others have read, knows no store and no disk, and
// the same backups always give the same answer, whatever else was lost.
//
// Its terms, from the manifests of an archive to the files of a restore:
//
//   - A timeline is a history without a fork. A full backup that does not continue an
//     earlier one begins a new timeline.
//   - A [Target] names a state: the end of a backup, an epoch, or a time.
//   - A chain is a full backup and the backups that continue it, one after the other. It
//     gives the state at the end of the last one. Of a full backup in the middle, only
//     its log counts.
//   - A [Route] is the chain to a target, and where its log is to be cut.
//   - A [Plan] is a route with the indexes of its backups joined: which files the
//     database will have, and where each byte of them comes from.
//   - A [Stretch] is a part of a history that begins with an image and has a route of its
//     own. In Grafeo's own backup folders, stretches follow each other.
//   - A [Loss] is a record that is missing or damaged. A route that a loss might change is
//     none, see [Catalog.Despite].
//   - [Reach] is the range of states of a timeline that some chain leads to.
//
// A backup is needed for a state if it is in the chain to it: [Catalog.ChainTo] returns the
// chain to the end of a backup, [Catalog.Route] that to any state. What can be restored
// without some backups is the Reach of a catalog of the others.
package catalog

import (
	"cmp"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Catalog is the backups of an archive. Those whose manifests could not be read are
// missing from it. It does not change, and may be used concurrently.
type Catalog struct {
	backups []*manifest.Committed // ascending
	bySeq   map[manifest.Seq]*manifest.Committed
	losses  []Loss
}

// New returns the catalog of these backups, in any order; nil stands for one that is
// missing.
func New(backups []*manifest.Committed) *Catalog {
	c := &Catalog{bySeq: map[manifest.Seq]*manifest.Committed{}}
	for _, m := range backups {
		if m != nil {
			c.backups = append(c.backups, m)
			c.bySeq[m.Seq] = m
		}
	}
	slices.SortFunc(c.backups, func(a, b *manifest.Committed) int { return cmp.Compare(a.Seq, b.Seq) })
	return c
}

// All returns all backups, in the order of their numbers. It is not to be modified.
func (c *Catalog) All() []*manifest.Committed { return c.backups }

// parent returns the backup that m continues, nil if it continues none, or if that is
// missing.
func (c *Catalog) parent(m *manifest.Committed) *manifest.Committed {
	if m.Continues == nil {
		return nil
	}
	return c.bySeq[*m.Continues]
}

// of returns the backups of a timeline, in the order of their numbers.
func (c *Catalog) of(timeline int) []*manifest.Committed {
	var list []*manifest.Committed
	for _, m := range c.backups {
		if m.Timeline == timeline {
			list = append(list, m)
		}
	}
	return list
}

// timelines returns the numbers of all timelines, the newest first.
func (c *Catalog) timelines() []int {
	var list []int
	for _, m := range c.backups {
		if !slices.Contains(list, m.Timeline) {
			list = append(list, m.Timeline)
		}
	}
	slices.SortFunc(list, func(a, b int) int { return cmp.Compare(b, a) })
	return list
}
