package archiver

import (
	"context"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// stretches finds the ways to a target and to all epochs below it, the lowest
// first.
func (a *Archive) stretches(ctx context.Context, t stateTarget) ([]stretch, error) {
	h, err := a.backups(ctx, t)
	if err != nil {
		return nil, err
	}
	if t.isEnd() {
		seq := h.last()
		if t.Backup != 0 {
			seq = manifest.Seq(t.Backup)
		}
		if _, err := a.journal.load(ctx, h.archive.ArchiveID, seq); err != nil { // else it might be taken for one that is not there
			return nil, h.aboutNewest(err)
		}
	}
	c, err := a.journal.catalog(ctx, h, stateTarget{Epoch: new(uint64)}) // all of it, whatever is damaged
	if err != nil {
		return nil, err
	}
	r, err := c.route(t)
	if err != nil {
		return nil, err
	}
	c.widen(r)
	list := []stretch{{route: r, target: t}}
	for {
		below, ok := c.below(list[0].route.chain[0])
		if !ok {
			return list, nil
		}
		c.widen(below.route)
		list = slices.Insert(list, 0, below)
	}
}
