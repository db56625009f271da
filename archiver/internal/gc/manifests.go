package gc

import (
	"context"
	"iter"

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
	from := (record-1)/manifest.GroupBackups*manifest.GroupBackups + 1
	to := from + manifest.GroupBackups - 1
	return n.Withheld == nil && n.first() < from && to < n.keep.DeadBefore &&
		!n.then.Overlaps(from, to) && !n.keep.Alive.Overlaps(from, to)
}

// deadManifests yields those of the records whose manifests are dead.
func (n *Names) deadManifests(records []manifest.Seq) iter.Seq[manifest.Seq] {
	return func(yield func(manifest.Seq) bool) {
		for _, seq := range records {
			if n.isDeadManifest(seq) && !yield(seq) {
				return
			}
		}
	}
}

// listDeadManifests lists the dead manifests.
func (n *Names) listDeadManifests(ctx context.Context, s *objects.Store) iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		for info, err := range s.List(ctx, manifest.ManifestPrefix, objects.MaxManifests) {
			if err == nil {
				if seq, ok := manifest.ParseKey(info.Key); !ok || !n.isDeadManifest(seq) {
					continue
				}
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}
