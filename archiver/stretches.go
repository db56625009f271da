package archiver

import (
	"context"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// stretches reads what the archive has, and returns the stretches to a target.
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
	return c.Stretches(t)
}
