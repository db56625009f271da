package journal

import (
	"context"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// LoadOutlines is [Journal.LoadAll] for callers that need only what a [manifest.Summary]
// has: all manifests but the newest may have no more than that, and no digest. It reads
// the newest manifest of each group, and all of a group if that one does not summarize
// exactly the backups that exist.
func (j *Journal) LoadOutlines(ctx context.Context, l *List, use func(i int, m *manifest.Committed, err error) error) error {
	groups := groupsOf(l.Seqs)
	newest := l.of(nil)
	for _, group := range groups {
		newest.Seqs = append(newest.Seqs, l.Seqs[group[len(group)-1]])
	}
	var rest []int // of l.Seqs: not summarized
	err := j.LoadAll(ctx, newest, func(n int, m *manifest.Committed, err error) error {
		group := groups[n]
		if isDamaged(err) {
			rest = append(rest, group...)
			return nil
		}
		if err != nil {
			return err
		}
		outlines := m.Outlines()
		if len(outlines) != len(group) { // a number is missing, or an earlier version wrote m
			rest = append(rest, group...)
			return nil
		}
		last := len(group) - 1
		for k, b := range outlines[:last] {
			if err := use(group[k], &manifest.Committed{Manifest: b}, nil); err != nil {
				return err
			}
		}
		return use(group[last], m, nil)
	})
	if err != nil || len(rest) == 0 {
		return err
	}
	each := l.of(nil)
	for _, i := range rest {
		each.Seqs = append(each.Seqs, l.Seqs[i])
	}
	return j.LoadAll(ctx, each, func(n int, m *manifest.Committed, err error) error { return use(rest[n], m, err) })
}

// groupsOf returns the places in seqs of the backups that summarize each other.
func groupsOf(seqs []manifest.Seq) (groups [][]int) {
	for i, seq := range seqs {
		if i == 0 || (seq-1)/manifest.GroupBackups != (seqs[i-1]-1)/manifest.GroupBackups {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], i)
	}
	return groups
}
