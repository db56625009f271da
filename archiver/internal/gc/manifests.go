package gc

import (
	"context"
	"iter"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// first returns the number of the archive's first keep, which a planned keep does not say
// if it is that itself.
func (n *Names) first() manifest.Seq {
	if n.keep.First == 0 {
		return n.keep.Seq
	}
	return n.keep.First
}

// isDeadManifest reports whether the group of 32 numbers that a record belongs to is dead.
func (n *Names) isDeadManifest(record manifest.Seq) bool {
	to := record.GroupEnd()
	from := to - manifest.GroupBackups + 1
	for _, keys := range []manifest.Seq{n.keep.Keys, n.thenKeys} {
		if from <= keys && keys <= to {
			return false
		}
	}
	return n.Withheld == nil && n.first() < from && to < n.keep.DeadBefore &&
		!n.then.Overlaps(from, to) && !n.keep.Alive.Overlaps(from, to)
}

// deadManifests yields the records whose manifests are dead.
func (n *Names) deadManifests() iter.Seq[manifest.Seq] {
	return func(yield func(manifest.Seq) bool) {
		for _, seq := range n.records {
			if n.isDeadManifest(seq) && !yield(seq) {
				return
			}
		}
	}
}

// manifestsToDelete yields the dead manifests, of each group when that has its fence. Their
// numbers are known, so nothing is listed; what has come since then, the next sweep finds.
func (n *Names) manifestsToDelete(ctx context.Context, s *objects.Store) iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		fenced := manifest.Seq(0)
		for seq := range n.deadManifests() {
			if end := seq.GroupEnd(); end != fenced {
				if err := commit.CreateFence(ctx, s, n.archive.ArchiveID, end); err != nil {
					yield(storage.ObjectInfo{}, err)
					return
				}
				fenced = end
			}
			if !yield(storage.ObjectInfo{Key: seq.Key()}, nil) {
				return
			}
		}
	}
}
