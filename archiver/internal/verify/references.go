package verify

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// references reads the index of each backup, and makes sure that the segments and digests
// that these name exist. The index is nil if it is damaged.
func (v *verification) references(ctx context.Context, r *records) ([]*manifest.Index, error) {
	sizes, err := v.sizes(ctx, manifest.SegmentPrefix)
	if err != nil {
		return nil, err
	}
	indexes := make([]*manifest.Index, len(r.living))
	segments := map[string]bool{}
	digests := map[manifest.Pages]bool{}
	for i, m := range r.living {
		ix, err := v.index(ctx, m)
		if err != nil {
			return nil, err
		}
		if ix == nil {
			continue
		}
		indexes[i] = ix
		for _, s := range ix.Segments {
			switch {
			case s.IsInline(): // it was read with the manifest
				v.report.Bytes += s.StoredBytes
			case !segments[s.Key]:
				segments[s.Key] = true
				v.reading.add(&s)
				v.exists(s.Key, s.StoredBytes, sizes)
			}
		}
		if image := ix.Image(); image != nil {
			for _, p := range image.Pages {
				digests[p] = true
			}
		}
	}
	if err := v.digests(ctx, digests); err != nil {
		return nil, err
	}
	for key := range segments {
		delete(sizes, key)
	}
	return indexes, v.countRest(ctx, r, sizes)
}

// countRest counts the segments that no backup needs: those that removed ones name, as far
// as these can be read, and those that nobody names.
func (v *verification) countRest(ctx context.Context, r *records, rest map[string]int64) error {
	living := map[manifest.Seq]bool{}
	for _, m := range r.living {
		living[m.RecordSeq()] = true
	}
	for _, m := range r.read {
		if len(rest) == 0 || !m.Kind.HasContent() || living[m.Seq] {
			continue
		}
		ix, err := v.journal.Index(ctx, m)
		if isAboutObject(err) {
			continue
		}
		if err != nil {
			return err
		}
		for _, s := range ix.Segments {
			if _, ok := rest[s.Key]; ok {
				v.report.Waiting++
				delete(rest, s.Key)
			}
		}
	}
	v.report.Unused = len(rest)
	return nil
}

// index reads the index of a backup, nil if it is damaged.
func (v *verification) index(ctx context.Context, m *manifest.Committed) (*manifest.Index, error) {
	if m.Index != nil {
		v.report.Objects++
	}
	ix, err := v.journal.Index(ctx, m)
	if err := v.pass(err); err != nil {
		return nil, err
	}
	return ix, nil
}

// sizes lists all objects of a kind, and returns their sizes by key.
func (v *verification) sizes(ctx context.Context, prefix string) (map[string]int64, error) {
	sizes := map[string]int64{}
	for info, err := range v.store.List(ctx, prefix, objects.MaxSegments) {
		if err != nil {
			return nil, err
		}
		sizes[info.Key] = info.Size
	}
	return sizes, nil
}

// exists makes sure that an object was listed with this size.
func (v *verification) exists(key string, bytes int64, sizes map[string]int64) {
	v.report.Objects++
	v.report.Bytes += bytes
	switch size, ok := sizes[key]; {
	case !ok:
		v.find(key, "it is missing")
	case size != bytes:
		v.find(key, fmt.Sprintf("it has %d bytes instead of %d", size, bytes))
	}
}

// digests checks the digests of pages. No restore needs them, but the next full backup
// trusts them.
func (v *verification) digests(ctx context.Context, named map[manifest.Pages]bool) error {
	if len(named) == 0 {
		return nil
	}
	sizes, err := v.sizes(ctx, manifest.PagesPrefix)
	if err != nil {
		return err
	}
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(v.workers)
	for p := range named {
		v.exists(p.Key, p.StoredBytes, sizes)
		if size, ok := sizes[p.Key]; !v.deep || !ok || size != p.StoredBytes {
			continue
		}
		g.Go(func() error {
			_, err := v.store.ReadSealed(running, p.Key, p.StoredBytes, p.SHA256, nil)
			return v.pass(err)
		})
	}
	return g.Wait()
}
