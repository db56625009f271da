package gc

import (
	"iter"

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

// manifestsToDelete yields the dead manifests. Their numbers are known, so nothing is listed;
// what has come since then, the next sweep finds.
func (n *Names) manifestsToDelete() iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		for seq := range n.deadManifests() {
			if !yield(storage.ObjectInfo{Key: seq.Key()}, nil) {
				return
			}
		}
	}
}
