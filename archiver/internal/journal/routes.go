package journal

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Route returns the route to a target in an archive that has backups, and the backup that
// t names, if it names one. It reads as few manifests as the target allows. One that is
// damaged or missing is an error if the route needs it, or if it may be what the target means.
func (j *Journal) Route(ctx context.Context, l *List, t catalog.Target) (*catalog.Route, error) {
	if t.IsEnd() {
		c, err := (&router{j, l, t}).chain(ctx)
		if err != nil {
			return nil, err
		}
		return c.Route(t)
	}
	if len(l.gaps()) == 0 || t.Backup != 0 {
		if r, ok, err := (&router{j, l, t}).byOutlines(ctx); ok || err != nil {
			return r, err
		}
	}
	c, err := j.Catalog(ctx, l)
	if err != nil {
		return nil, err
	}
	r, err := c.Route(t)
	return r, l.AboutNewest(err)
}

// Plan reads the indexes of a route to a target, and joins them.
func (j *Journal) Plan(ctx context.Context, r *catalog.Route, t catalog.Target) (*catalog.Plan, error) {
	indexes := make([]*manifest.Index, len(r.Chain))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(Readers)
	for i, m := range r.Chain {
		g.Go(func() (err error) {
			indexes[i], err = j.Index(ctx, m)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return catalog.NewPlan(r, indexes, t)
}

// Catalog reads all manifests. Those that are missing or damaged are losses of it.
func (j *Journal) Catalog(ctx context.Context, l *List) (*catalog.Catalog, error) {
	all, damaged, err := j.loadEach(ctx, l)
	if err != nil {
		return nil, err
	}
	losses, err := j.losses(ctx, l, append(damaged, l.gaps()...))
	if err != nil {
		return nil, err
	}
	return catalog.New(all).Despite(losses), nil
}

// withoutSummaries returns m without what it says of other backups. Of many backups that is as much
// as all the rest.
func withoutSummaries(m *manifest.Committed) *manifest.Committed {
	if m == nil {
		return nil
	}
	without := *m.Manifest
	without.Earlier = nil
	return &manifest.Committed{Manifest: &without, Digest: m.Digest, Record: m.Record}
}

// loadEach reads all manifests of l. Those that are damaged are nil, and in damaged, in any
// order.
func (j *Journal) loadEach(ctx context.Context, l *List) (all []*manifest.Committed, damaged []lost, err error) {
	all = make([]*manifest.Committed, len(l.Backups))
	err = j.LoadAll(ctx, l, func(i int, m *manifest.Committed, err error) error {
		if IsDamaged(err) {
			damaged = append(damaged, lost{l.Backups[i], err})
			return nil
		}
		all[i] = withoutSummaries(m)
		return err
	})
	return all, damaged, err
}

// router looks for the route to a target in a list.
type router struct {
	journal *Journal
	list    *List
	target  catalog.Target
}

// chain reads the backup that the target names, or the newest one, and those that it continues:
// backwards, in growing batches. None of them may be damaged.
func (r *router) chain(ctx context.Context) (*catalog.Catalog, error) {
	l, t := r.list, r.target
	backups := l.Backups
	if t.Backup != 0 {
		i := slices.IndexFunc(backups, func(e Entry) bool { return e.Seq == manifest.Seq(t.Backup) })
		backups = backups[:i+1]
	}
	newest := l.read[l.Last()] // it names the newest backup if it is none itself
	var all []*manifest.Committed
	for batch := 1; len(backups) > 0; batch *= 8 {
		part := backups[max(0, len(backups)-batch):]
		backups = backups[:len(backups)-len(part)]
		read, damaged, err := r.journal.loadEach(ctx, l.of(part))
		if err != nil {
			return nil, err
		}
		if len(damaged) > 0 {
			return nil, l.AboutNewest(newestOf(damaged).err)
		}
		if t.Backup != 0 && batch == 1 && read[len(read)-1] == nil {
			return nil, &NoBackupError{Seq: t.Backup, First: uint64(l.Backups[0].Seq), Last: uint64(l.Last()), Gone: true}
		}
		read = slices.DeleteFunc(read, func(m *manifest.Committed) bool { return m == nil }) // no backups
		all = append(read, all...)
		if len(all) > 0 && t.Backup == 0 && newest != nil && newest.NewestBackup() > all[len(all)-1].Seq {
			return nil, &manifest.ObjectError{Key: newest.NewestBackup().Key(), Problem: "it is missing"}
		}
		if c := catalog.New(all); len(all) > 0 && c.ChainTo(all[len(all)-1]) != nil {
			return c, nil
		}
	}
	return catalog.New(all), nil
}

// byOutlines returns the route to a target that outlines show, so that an old archive
// costs one manifest for 32 backups, and those of the route. It is not ok if all manifests
// must be read: because something is damaged, or because outlines lack what decides.
func (r *router) byOutlines(ctx context.Context) (_ *catalog.Route, ok bool, err error) {
	l, t := r.list, r.target
	all := make([]*manifest.Committed, len(l.Backups))
	whole := true
	err = r.journal.LoadOutlines(ctx, l, func(i int, m *manifest.Committed, err error) error {
		if IsDamaged(err) {
			whole = false
			return nil
		}
		if all[i] = withoutSummaries(m); m != nil && t.Time != nil && m.Database.Generation == string(grafeo.Gen05) {
			whole = false // then a backup counts by when it was read, which only its manifest says
		}
		return err
	})
	if err != nil || !whole {
		return nil, false, err
	}
	route, err := catalog.New(all).Route(t)
	if err != nil && t.Time != nil {
		return nil, false, nil //nolint:nilerr // until when a backup was read is known from its manifest alone
	}
	if err != nil {
		return nil, false, err
	}
	ok, err = r.complete(ctx, route)
	return route, ok, err
}

// complete replaces the outlines in a route by the manifests, and reports whether
// these say the same.
func (r *router) complete(ctx context.Context, route *catalog.Route) (ok bool, err error) {
	var outlines []int // of route.Chain
	missing := r.list.of(nil)
	for i, m := range route.Chain {
		if m.Digest == (manifest.Digest{}) {
			outlines = append(outlines, i)
			e := Entry{Seq: m.Seq, Record: m.RecordSeq()}
			if m.Replaces != nil {
				e.From = m.Replaces[0]
			}
			missing.Backups = append(missing.Backups, e)
		}
	}
	whole := true
	err = r.journal.LoadAll(ctx, missing, func(n int, m *manifest.Committed, err error) error {
		if IsDamaged(err) {
			whole = false
			return nil
		}
		if err != nil {
			return err
		}
		i := outlines[n]
		whole = whole && m.SameOutline(route.Chain[i].Manifest)
		route.Chain[i] = withoutSummaries(m)
		return nil
	})
	return whole && err == nil, err
}
