package archiver

import (
	"context"
	"errors"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// loadOutlines is [Archive.loadAll] for who needs no more than lists tell: all but
// the newest backup may have only what a [manifest.Summary] has. It reads the
// newest manifest of each group, and those of a group in which that one does not tell
// of exactly the backups that are there.
func (j *Journal) loadOutlines(ctx context.Context, h *history, use func(i int, m *manifest.Committed, err error) error) error {
	var groups [][]int // of h.seqs
	newest := history{archive: h.archive}
	for i, seq := range h.seqs {
		if i == 0 || (seq-1)/manifest.GroupBackups != (h.seqs[i-1]-1)/manifest.GroupBackups {
			groups = append(groups, nil)
			newest.seqs = append(newest.seqs, seq)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], i)
		newest.seqs[len(newest.seqs)-1] = seq
	}
	var rest []int
	err := j.loadAll(ctx, &newest, func(n int, m *manifest.Committed, err error) error {
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
	each := history{archive: h.archive}
	for _, i := range rest {
		each.seqs = append(each.seqs, h.seqs[i])
	}
	return j.loadAll(ctx, &each, func(n int, m *manifest.Committed, err error) error { return use(rest[n], m, err) })
}
