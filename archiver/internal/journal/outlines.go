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
// not; i is the place in records. With [List.KeepOutlines], even the newest record is no more
// than an outline.
func (j *Journal) LoadRecordOutlines(ctx context.Context, l *List, records []manifest.Seq, use func(i int, m *manifest.Committed, err error) error) error {
	var groups []*group // that must be read
	var rest []int      // of records: not summarized
	useAll := func(g *group, outlines []*manifest.Committed) error {
		for _, i := range g.wanted {
			if err := use(i, outlines[records[i]-outlines[0].Seq], nil); err != nil {
				return err
			}
		}
		return nil
	}
	for _, g := range groupsOf(l.Records, records) {
		if kept := l.outlines[g.carrier]; kept == nil {
			groups = append(groups, g)
		} else if err := useAll(g, kept); err != nil {
			return err
		}
	}
	load := func(ctx context.Context, n int) (*manifest.Committed, error) {
		return j.load(ctx, l, groups[n].carrier)
	}
	err := loadEach(ctx, len(groups), load, func(n int, m *manifest.Committed, err error) error {
		g := groups[n]
		if IsDamaged(err) {
			rest = append(rest, g.wanted...)
			return nil
		}
		if err != nil {
			return err
		}
		outlines := outlinesOf(m)
		if outlines == nil || !g.isWhole { // a record is missing
			rest = append(rest, g.wanted...)
			return nil
		}
		if l.outlines != nil {
			outlines[len(outlines)-1] = withoutContent(m)
			l.outlines[g.carrier] = outlines
		}
		return useAll(g, outlines)
	})
	if err != nil || len(rest) == 0 {
		return err
	}
	slices.Sort(rest)
	load = func(ctx context.Context, n int) (*manifest.Committed, error) { return j.load(ctx, l, records[rest[n]]) }
	return loadEach(ctx, len(rest), load, func(n int, m *manifest.Committed, err error) error { return use(rest[n], m, err) })
}

// outlinesOf returns the outlines that m has of its group, and m itself; nil if it does not
// have them all.
func outlinesOf(m *manifest.Committed) (outlines []*manifest.Committed) {
	for _, o := range m.Outlines() {
		outlines = append(outlines, &manifest.Committed{Manifest: o})
	}
	if outlines != nil {
		outlines[len(outlines)-1] = m
	}
	return outlines
}

// withoutContent returns m without what is large: the summaries, the content, and what a
// keep says. Like an outline, it has no digest.
func withoutContent(m *manifest.Committed) *manifest.Committed {
	without := *m.Manifest
	without.Earlier, without.Content, without.Keeping = nil, nil, nil
	return &manifest.Committed{Manifest: &without}
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
		g.isWhole = g.isWhole && seq <= g.carrier // a keep may name a record that no list shows
	}
	return groups
}
