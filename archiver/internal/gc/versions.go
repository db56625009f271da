package gc

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// SweptVersions is what became of the versions that a store keeps of dead objects.
type SweptVersions struct {
	Deleted Amount
	Locked  Amount // they go when their lock has ended
	Refused int    // that the store did not delete for another reason, such as a permission
}

// SweepVersions deletes for good what the store keeps of the objects that are dead for the
// keep k, hidden or not, and of old probes: after a [Names.Sweep], which hides them. What is
// locked stays, and a later call finds it. A marker goes when it hides nothing any more:
// before, it would show again what it hides.
func (n *Names) SweepVersions(ctx context.Context, s *objects.Store, k *manifest.Committed, probesBefore time.Time) (*SweptVersions, error) {
	sw := &versionSweep{store: s}
	if err := n.mayDelete(k); err != nil {
		return &sw.swept, err
	}
	isGone := func(v *storage.ObjectVersion) bool {
		if strings.HasPrefix(v.Key, manifest.ProbePrefix) {
			return manifest.IsProbeKey(v.Key) && !v.ModTime.IsZero() && v.ModTime.Before(probesBefore)
		}
		if seq, ok := manifest.ParseKey(v.Key); ok {
			return n.isDeadManifest(seq)
		}
		standing, _ := n.judge(v.Key)
		return standing == isDead
	}
	for _, prefix := range append(dataPrefixes[:len(dataPrefixes):len(dataPrefixes)], manifest.ManifestPrefix, manifest.ProbePrefix) {
		for v, err := range storage.VersionsOf(s.Storage).ListVersions(ctx, prefix) {
			if err != nil {
				return &sw.swept, err
			}
			if !isGone(&v) {
				continue
			}
			if err := sw.add(ctx, v); err != nil {
				return &sw.swept, err
			}
		}
		if err := sw.end(ctx); err != nil {
			return &sw.swept, err
		}
	}
	return &sw.swept, nil
}

// versionSweep is a sweep of versions that is being made.
type versionSweep struct {
	store *objects.Store
	swept SweptVersions

	batch   []storage.ObjectVersion
	key     string              // of the last version
	markers []storage.VersionID // of that key, as long as it has nothing else
	isBare  bool
}

// add takes the next version.
func (sw *versionSweep) add(ctx context.Context, v storage.ObjectVersion) error {
	if v.Key != sw.key {
		if err := sw.endKey(ctx); err != nil {
			return err
		}
		sw.key, sw.isBare = v.Key, true
	}
	if v.IsMarker {
		if len(sw.markers) < storage.MaxDelete {
			sw.markers = append(sw.markers, v.VersionID)
		}
		return nil
	}
	sw.isBare = false
	return sw.put(ctx, v)
}

// endKey takes the markers of the last key, if it has nothing else.
func (sw *versionSweep) endKey(ctx context.Context) error {
	markers := sw.markers
	sw.markers = nil
	if !sw.isBare {
		return nil
	}
	for _, id := range markers {
		if err := sw.put(ctx, storage.ObjectVersion{VersionID: id, IsMarker: true}); err != nil {
			return err
		}
	}
	return nil
}

// end deletes what is left.
func (sw *versionSweep) end(ctx context.Context) error {
	if err := sw.endKey(ctx); err != nil {
		return err
	}
	sw.key = ""
	return sw.send(ctx)
}

func (sw *versionSweep) put(ctx context.Context, v storage.ObjectVersion) error {
	sw.batch = append(sw.batch, v)
	if len(sw.batch) < storage.MaxDelete {
		return nil
	}
	return sw.send(ctx)
}

// send deletes a batch.
func (sw *versionSweep) send(ctx context.Context) error {
	batch := sw.batch
	sw.batch = nil
	if len(batch) == 0 {
		return nil
	}
	ids := make([]storage.VersionID, len(batch))
	for i := range batch {
		ids[i] = batch[i].VersionID
	}
	kept, err := sw.store.DeleteVersions(ctx, ids)
	if err != nil {
		return err
	}
	for i := range batch {
		switch err := kept[ids[i]]; {
		case batch[i].IsMarker:
		case err == nil:
			sw.swept.Deleted.add(batch[i].Size)
		case errors.Is(err, storage.ErrLocked):
			sw.swept.Locked.add(batch[i].Size)
		default:
			sw.swept.Refused++
		}
	}
	return nil
}
