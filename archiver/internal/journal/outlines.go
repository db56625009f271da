package journal

import (
	"context"
	"errors"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// LoadOutlines is [Archive.loadAll] for who needs no more than lists tell: all but
// the newest backup may have only what a [manifest.Summary] has. It reads the
// newest manifest of each group, and those of a group in which that one does not tell
// of exactly the backups that are there.
func (j *Journal) LoadOutlines(ctx context.Context, h *History, use func(i int, m *manifest.Committed, err error) error) error {
	var groups [][]int // of h.seqs
	newest := History{Archive: h.Archive}
	for i, seq := range h.Seqs {
		if i == 0 || (seq-1)/manifest.GroupBackups != (h.Seqs[i-1]-1)/manifest.GroupBackups {
			groups = append(groups, nil)
			newest.Seqs = append(newest.Seqs, seq)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], i)
		newest.Seqs[len(newest.Seqs)-1] = seq
	}
	var rest []int
	err := j.LoadAll(ctx, &newest, func(n int, m *manifest.Committed, err error) error {
		group := groups[n]
		var object *manifest.ObjectError
		switch {
		case errors.As(err, &object):
			rest = append(rest, group...)
			return nil
		case err != nil:
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
	each := History{Archive: h.Archive}
	for _, i := range rest {
		each.Seqs = append(each.Seqs, h.Seqs[i])
	}
	return j.LoadAll(ctx, &each, func(n int, m *manifest.Committed, err error) error { return use(rest[n], m, err) })
}
