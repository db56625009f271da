package journal

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// RouteTo finds the route to a target of an archive that has backups.
func (j *Journal) RouteTo(ctx context.Context, h *History, t catalog.Target) (*catalog.Route, error) {
	if !t.IsEnd() {
		if r, err := j.outlinedRoute(ctx, h, t); r != nil || err != nil {
			return r, err
		}
	}
	c, err := j.Catalog(ctx, h, t)
	if err != nil {
		return nil, err
	}
	return c.Route(t)
}

// outlinedRoute is the route to a target by what lists tell, of which the manifests
// alone are read then, so that an old archive costs one manifest for 32 backups. It
// is nil, without an error, where that does not do and all manifests are to be read:
// what the route needs is damaged, or manifests alone say what decides.
func (j *Journal) outlinedRoute(ctx context.Context, h *History, t catalog.Target) (*catalog.Route, error) {
	all := make([]*manifest.Committed, len(h.Seqs))
	whole := true
	err := j.LoadOutlines(ctx, h, func(i int, m *manifest.Committed, err error) error {
		var object *manifest.ObjectError
		if errors.As(err, &object) {
			whole = false
			return nil
		}
		if all[i] = m; m != nil {
			// At a time of 0.5, a backup counts by when it was read, which only its manifest says.
			whole = whole && (t.Time == nil || m.Database.Generation != string(grafeo.Gen05))
			m.Earlier = nil // they are in all now
		}
		return err
	})
	if err != nil || !whole {
		return nil, err
	}
	r, err := catalog.New(all).Route(t)
	if err != nil && t.Time != nil {
		return nil, nil //nolint:nilerr // until when a backup was read, its manifest alone says
	}
	if err != nil {
		return nil, err
	}
	var outlines []int // in the chain
	missing := History{Archive: h.Archive}
	for i, m := range r.Chain {
		if m.Digest == (manifest.Digest{}) {
			outlines = append(outlines, i)
			missing.Seqs = append(missing.Seqs, m.Seq)
		}
	}
	err = j.LoadAll(ctx, &missing, func(n int, m *manifest.Committed, err error) error {
		var object *manifest.ObjectError
		if errors.As(err, &object) {
			whole = false
			return nil
		}
		if err != nil {
			return err
		}
		i := outlines[n]
		whole = whole && m.SameOutline(r.Chain[i].Manifest)
		m.Earlier = nil
		r.Chain[i] = m
		return nil
	})
	if err != nil || !whole {
		return nil, err
	}
	return r, nil
}

// Catalog reads the manifests that a target needs. For the newest state, or a
// backup, these are the chain that it ends, which is read backwards in growing
// batches; for all else they are all. A manifest that is damaged is
// an error only if the target needs it.
func (j *Journal) Catalog(ctx context.Context, h *History, t catalog.Target) (*catalog.Catalog, error) {
	seqs := h.Seqs
	if t.Backup != 0 {
		seqs = seqs[:slices.Index(seqs, manifest.Seq(t.Backup))+1]
	}
	batch := 1
	if !t.IsEnd() {
		batch = len(seqs)
	}
	var all []*manifest.Committed
	for len(seqs) > 0 {
		part := seqs[max(0, len(seqs)-batch):]
		seqs = seqs[:len(seqs)-len(part)]
		read := make([]*manifest.Committed, len(part))
		var first error // of the newest manifest that is broken
		var broken manifest.Seq
		err := j.LoadAll(ctx, &History{Archive: h.Archive, Seqs: part}, func(i int, m *manifest.Committed, err error) error {
			var object *manifest.ObjectError
			if errors.As(err, &object) {
				if part[i] >= broken {
					first, broken = err, part[i]
				}
				return nil
			}
			if read[i] = m; m != nil {
				m.Earlier = nil // of many backups they are as much as all the rest
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		newest := len(all) == 0
		if first != nil && (newest && read[len(read)-1] == nil && t.Epoch == nil && t.Time == nil || t.IsEnd()) {
			return nil, h.AboutNewest(first)
		}
		all = append(read, all...)
		c := catalog.New(all)
		if len(seqs) == 0 {
			return c, nil
		}
		if top := all[len(all)-1]; top != nil && c.ChainTo(top) != nil {
			return c, nil
		}
		batch *= 8
	}
	return catalog.New(all), nil
}

// Plan reads the indexes of a route to a target, and joins them.
func (j *Journal) Plan(ctx context.Context, r *catalog.Route, t catalog.Target) (*catalog.Plan, error) {
	indexes := make([]*manifest.Index, len(r.Chain))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(ManifestReaders)
	for i, m := range r.Chain {
		g.Go(func() (err error) {
			indexes[i], err = j.Index(ctx, m.Manifest)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return catalog.NewPlan(r, indexes, t)
}

// everything reads all manifests, and the newest of them must be whole.
func (j *Journal) everything(ctx context.Context, h *History) (*catalog.Catalog, *manifest.Committed, error) {
	all := make([]*manifest.Committed, len(h.Seqs))
	err := j.LoadAll(ctx, h, func(i int, m *manifest.Committed, err error) error {
		var object *manifest.ObjectError
		if errors.As(err, &object) && i < len(h.Seqs)-1 {
			return nil // it only cannot be continued
		}
		if all[i] = m; m != nil && i < len(h.Seqs)-1 {
			m.Earlier = nil // the next manifest takes them from the newest one
		}
		return err
	})
	if err != nil || len(all) == 0 {
		return catalog.New(all), nil, err
	}
	return catalog.New(all), all[len(all)-1], nil
}

// Head is the newest backup, or nil if there is none.
func (j *Journal) Head(ctx context.Context, h *History) (*manifest.Committed, error) {
	if h.Last() == 0 {
		return nil, nil // no backup is a normal state of an archive
	}
	m, err := j.Load(ctx, h.Archive.ArchiveID, h.Last())
	return m, h.AboutNewest(err)
}
