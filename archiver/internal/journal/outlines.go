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
	records := make([]manifest.Seq, len(l.Backups))
	for i, e := range l.Backups {
		records[i] = e.Record
	}
	return j.LoadRecordOutlines(ctx, l, records, func(i int, m *manifest.Committed, err error) error {
		if err == nil {
			m, err = l.Backups[i].Backup(m)
		}
		if m == nil && err == nil {
			return nil
		}
		return use(i, m, err)
	})
}

// LoadRecordOutlines is [Journal.LoadOutlines] for records of l of any kind, ascending or
// not; i is the place in records.
func (j *Journal) LoadRecordOutlines(ctx context.Context, l *List, records []manifest.Seq, use func(i int, m *manifest.Committed, err error) error) error {
	groups := groupsOf(l.Records, records)
	var rest []int // of records: not summarized
	load := func(ctx context.Context, n int) (*manifest.Committed, error) {
		return j.load(ctx, l, groups[n].carrier)
	}
	err := loadEach(ctx, len(groups), load, func(n int, m *manifest.Committed, err error) error {
		g := groups[n]
		if isDamaged(err) {
			rest = append(rest, g.wanted...)
			return nil
		}
		if err != nil {
			return err
		}
		outlines := m.Outlines()
		if outlines == nil || !g.isWhole { // a record is missing
			rest = append(rest, g.wanted...)
			return nil
		}
		for _, i := range g.wanted {
			of := m
			if records[i] != m.Seq {
				of = &manifest.Committed{Manifest: outlines[records[i]-outlines[0].Seq]}
			}
			if err := use(i, of, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(rest) == 0 {
		return err
	}
	slices.Sort(rest)
	load = func(ctx context.Context, n int) (*manifest.Committed, error) { return j.load(ctx, l, records[rest[n]]) }
	return loadEach(ctx, len(rest), load, func(n int, m *manifest.Committed, err error) error { return use(rest[n], m, err) })
}

// group is records that summarize each other.
type group struct {
	carrier manifest.Seq // the newest one, which has the summaries
	isWhole bool         // no number up to it is missing
	wanted  []int        // places of those that are to be read
}

// groupsOf returns the groups that have some of the records that are wanted. listed are all
// that exist.
func groupsOf(listed, wanted []manifest.Seq) (groups []*group) {
	byNumber := map[manifest.Seq]*group{}
	for i, seq := range wanted {
		number := (seq - 1) / manifest.GroupBackups
		g := byNumber[number]
		if g == nil {
			g = &group{carrier: seq}
			first := number*manifest.GroupBackups + 1
			from := sort.Search(len(listed), func(i int) bool { return listed[i] >= first })
			to := sort.Search(len(listed), func(i int) bool { return listed[i] >= first+manifest.GroupBackups })
			if from < to {
				g.carrier = listed[to-1]
				g.isWhole = manifest.Seq(to-from) == g.carrier-first+1
			}
			byNumber[number] = g
			groups = append(groups, g)
		}
		g.wanted = append(g.wanted, i)
	}
	return groups
}
