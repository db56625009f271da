package journal

import (
	"context"
	"slices"
	"sort"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// LoadOutlines is [Journal.LoadAll] for callers that need only what a [manifest.Summary]
// has: all manifests but the newest may have no more than that, and no digest. It reads
// the newest record of each group that has a backup, and all backups of a group if that one
// does not summarize them.
func (j *Journal) LoadOutlines(ctx context.Context, l *List, use func(i int, m *manifest.Committed, err error) error) error {
	groups := groupsOf(l)
	carriers := make([]manifest.Seq, len(groups))
	for i, g := range groups {
		carriers[i] = g.carrier
	}
	var rest []int // of l.Backups: not summarized
	load := func(ctx context.Context, n int) (*manifest.Committed, error) { return j.load(ctx, l, carriers[n]) }
	err := loadEach(ctx, len(groups), load, func(n int, m *manifest.Committed, err error) error {
		g := groups[n]
		if isDamaged(err) {
			rest = append(rest, g.backups...)
			return nil
		}
		if err != nil {
			return err
		}
		outlines := m.Outlines()
		if outlines == nil || !g.isWhole { // a record is missing
			rest = append(rest, g.backups...)
			return nil
		}
		for _, i := range g.backups {
			e := l.Backups[i]
			of := m
			if e.Record != m.Seq {
				of = &manifest.Committed{Manifest: outlines[e.Record-outlines[0].Seq]}
			}
			if b, err := e.backup(of); b != nil || err != nil {
				if err := use(i, b, err); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil || len(rest) == 0 {
		return err
	}
	slices.Sort(rest)
	each := l.of(nil)
	for _, i := range rest {
		each.Backups = append(each.Backups, l.Backups[i])
	}
	return j.LoadAll(ctx, each, func(n int, m *manifest.Committed, err error) error { return use(rest[n], m, err) })
}

// group is records that summarize each other.
type group struct {
	carrier manifest.Seq // the newest one, which has the summaries
	isWhole bool         // no number up to it is missing
	backups []int        // places in the list's Backups whose records are of the group
}

// groupsOf returns the groups that have backups of l.
func groupsOf(l *List) (groups []*group) {
	byNumber := map[manifest.Seq]*group{}
	for i, e := range l.Backups {
		number := (e.Record - 1) / manifest.GroupBackups
		g := byNumber[number]
		if g == nil {
			g = &group{carrier: e.Record}
			first := number*manifest.GroupBackups + 1
			from := sort.Search(len(l.Records), func(i int) bool { return l.Records[i] >= first })
			to := sort.Search(len(l.Records), func(i int) bool { return l.Records[i] >= first+manifest.GroupBackups })
			if from < to {
				g.carrier = l.Records[to-1]
				g.isWhole = manifest.Seq(to-from) == g.carrier-first+1 //nolint:gosec // a group is small
			}
			byNumber[number] = g
			groups = append(groups, g)
		}
		g.backups = append(g.backups, i)
	}
	return groups
}
