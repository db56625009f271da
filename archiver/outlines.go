package archiver

import (
	"context"
	"errors"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
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

// outlinedRoute is the route to a target by what lists tell, of which the manifests
// alone are read then, so that an old archive costs one manifest for 32 backups. It
// is nil, without an error, where that does not do and all manifests are to be read:
// what the route needs is damaged, or manifests alone say what decides.
func (j *Journal) outlinedRoute(ctx context.Context, h *history, t Target) (*route, error) {
	all := make([]*manifest.Committed, len(h.seqs))
	whole := true
	err := j.loadOutlines(ctx, h, func(i int, m *manifest.Committed, err error) error {
		var object *manifest.ObjectError
		if errors.As(err, &object) {
			whole = false
			return nil
		}
		if all[i] = m; m != nil {
			whole = whole && (t.Time == nil || m.Database.Generation != string(grafeo.Gen05)) // see [catalog.lastBefore]
			m.Earlier = nil                                                                   // they are in all now
		}
		return err
	})
	if err != nil || !whole {
		return nil, err
	}
	r, err := newCatalog(all).route(t)
	if err != nil && t.Time != nil {
		return nil, nil //nolint:nilerr,nilnil // until when a backup was read, its manifest alone says
	}
	if err != nil {
		return nil, err
	}
	var outlines []int // in the chain
	missing := history{archive: h.archive}
	for i, m := range r.chain {
		if m.Digest == (manifest.Digest{}) {
			outlines = append(outlines, i)
			missing.seqs = append(missing.seqs, m.Seq)
		}
	}
	err = j.loadAll(ctx, &missing, func(n int, m *manifest.Committed, err error) error {
		var object *manifest.ObjectError
		if errors.As(err, &object) {
			whole = false
			return nil
		}
		if err != nil {
			return err
		}
		i := outlines[n]
		whole = whole && m.SameOutline(r.chain[i].Manifest)
		m.Earlier = nil
		r.chain[i] = m
		return nil
	})
	if err != nil || !whole {
		return nil, err
	}
	return r, nil
}
