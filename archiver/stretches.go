package archiver

import (
	"context"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// stretches finds the ways to a target and to all epochs below it, the lowest
// first.
func (a *Archive) stretches(ctx context.Context, t catalog.Target) ([]catalog.Stretch, error) {
	h, err := a.backups(ctx, t)
	if err != nil {
		return nil, err
	}
	if t.IsEnd() {
		seq := h.Last()
		if t.Backup != 0 {
			seq = manifest.Seq(t.Backup)
		}
		if _, err := a.journal.Load(ctx, h.Archive.ArchiveID, seq); err != nil { // else it might be taken for one that is not there
			return nil, h.AboutNewest(err)
		}
	}
	c, err := a.journal.Catalog(ctx, h, catalog.Target{Epoch: new(uint64)}) // all of it, whatever is damaged
	if err != nil {
		return nil, err
	}
	r, err := c.Route(t)
	if err != nil {
		return nil, err
	}
	c.Widen(r)
	list := []catalog.Stretch{{Route: r, Target: t}}
	for {
		below, ok := c.Below(list[0].Route.Chain[0])
		if !ok {
			return list, nil
		}
		c.Widen(below.Route)
		list = slices.Insert(list, 0, below)
	}
}
