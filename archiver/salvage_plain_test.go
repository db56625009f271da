package archiver_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// From an archive in which nothing is missing, a salvage restores along the very route of an ordinary
// restore, also where a newer full backup begins with the epoch at which the backup ends. So it does
// if the state needs nothing of what is missing.
func TestSalvageGoesThePlainWay(t *testing.T) {
	m, store := newModel(t), storagetest.NewMemory()
	for range 3 {
		m.commit(100)
		backup(t, store, m.path)
	}
	m.checkpointHeld()
	m.commit(100)
	full(t, store, m.path) // 4 begins with the epoch at which 3 ends
	m.commit(100)
	backup(t, store, m.path) // 5
	targets := []archiver.Target{{}, archiver.AtTime(m.now)}
	for seq := range uint64(5) {
		targets = append(targets, archiver.AtBackup(seq+1))
	}
	for epoch := range m.epoch {
		targets = append(targets, archiver.AtEpoch(epoch+1), archiver.AtEpoch(epoch+1).OnTimeline(1))
	}
	isSame := cmpopts.IgnoreFields(archiver.Plan{}, "Requests", "RestoreRequests", "RestoreReceives")
	objects := store.Objects()
	for _, target := range targets {
		plain, err := newArchive(store).Restore(t.Context(), filepath.Join(t.TempDir(), "p.grafeo"), archiver.RestoreOptions{Target: target})
		if err != nil {
			t.Fatal(err)
		}
		r := m.salvaged(objects, target, plain.Plan.Epoch, true)
		if diff := cmp.Diff(plain.Plan, r.Plan, isSame); diff != "" {
			t.Errorf("%+v: (-plain +salvaged)\n%s", target, diff)
		}
	}
	objects[manifest.Seq(5).Key()] = []byte("rot")
	for seq := range uint64(3) {
		if r := m.salvaged(objects, archiver.AtBackup(seq+1), seq+1, true); r.Plan.Full != 1 {
			t.Errorf("backup %d is restored from %d", seq+1, r.Plan.Full)
		}
	}
}

// A state that comes from a backup which was removed is said to. What was merged into others was not
// removed.
func TestSalvageNamesRemovedBackups(t *testing.T) {
	m, store := newModel(t), storagetest.NewMemory()
	for range 3 {
		m.commit(100)
		full(t, store, m.path)
	}
	remove(t, store, 1, 2)
	check := func(objects map[string][]byte, target archiver.Target, epoch uint64, isExact bool, want ...uint64) {
		t.Helper()
		if r := m.salvaged(objects, target, epoch, isExact); !slices.Equal(r.Salvaged.Removed, want) {
			t.Errorf("%v were removed, instead of %v", r.Salvaged.Removed, want)
		}
	}
	objects := store.Objects()
	check(objects, archiver.AtBackup(3), 3, true)
	check(objects, archiver.AtBackup(2), 2, true) // 3 has it, too
	delete(objects, manifest.Seq(3).Key())
	check(objects, archiver.AtBackup(2), 2, true, 2)
	check(objects, archiver.Target{}, 2, false, 2)

	merged := storagetest.NewMemory()
	m = increments(t, merged, 8)
	if r := compactAll(t, merged); len(r.Merged) == 0 {
		t.Fatalf("%+v", r)
	}
	objects = merged.Objects()
	for seq, record := range recordsIn(t, objects) {
		if record.Kind == manifest.Merged {
			delete(objects, seq.Key())
		}
	}
	check(objects, archiver.Target{}, m.epoch, true)
}
