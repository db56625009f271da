package archiver_test

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// compactAll merges all that can be merged.
func compactAll(t testing.TB, store storage.Storage) archiver.CompactReport {
	t.Helper()
	r, err := newArchive(store).Compact(t.Context(), archiver.CompactOptions{Min: 2, Tail: 1, Apply: true})
	if err != nil {
		t.Fatalf("compact: %v", err)
	}
	return r
}

// increments makes a 0.6 database with n small backups after a full one.
func increments(t testing.TB, store storage.Storage, n int) *model {
	t.Helper()
	m := newModel(t)
	m.commit(100)
	backup(t, store, m.path)
	for range n {
		m.commit(200)
		backup(t, store, m.path)
	}
	return m
}

// numbers are those of the backups of an archive.
func numbers(t testing.TB, store storage.Storage) (list []uint64) {
	t.Helper()
	r, err := newArchive(store).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range r.Backups {
		list = append(list, b.Seq)
	}
	return list
}

// Backups in a row become one, from which every epoch is restored, by its number and by
// its time. The next backup continues it.
func TestCompact(t *testing.T) {
	store := storagetest.NewMemory()
	m := increments(t, store, 40)
	before := len(store.Objects())
	plan, err := newArchive(store).Compact(t.Context(), archiver.CompactOptions{Min: 2, Tail: 3})
	want := archiver.MergedBackups{From: 2, To: 38, Backups: 37}
	if err != nil || plan.Applied || plan.Keep != 0 || !slices.Equal(plan.Merged, []archiver.MergedBackups{want}) {
		t.Fatalf("the dry run: %+v, %v", plan, err)
	}
	if len(store.Objects()) != before {
		t.Fatalf("the dry run has stored something")
	}
	r, err := newArchive(store).Compact(t.Context(), archiver.CompactOptions{Min: 2, Tail: 3, Apply: true})
	want.By = 42
	if err != nil || !r.Applied || r.Keep != 43 || !slices.Equal(r.Merged, []archiver.MergedBackups{want}) {
		t.Fatalf("%+v, %v", r, err)
	}
	if r.Before.Objects != 37 || r.After.Objects != 1 || r.After.Bytes >= r.Before.Bytes || r.Before != plan.Before || plan.After.Bytes < r.After.Bytes {
		t.Errorf("from %+v to %+v, planned %+v", r.Before, r.After, plan.After)
	}
	if got := numbers(t, store); !slices.Equal(got, []uint64{1, 38, 39, 40, 41}) {
		t.Errorf("the backups are %v", got)
	}
	m.commit(100)
	if b := backup(t, store, m.path); b.Backup.Kind != "incremental" || b.Backup.Seq != 44 {
		t.Errorf("the next backup is %+v", b.Backup)
	}
	for epoch := uint64(1); epoch <= m.epoch; epoch++ {
		m.restoresTo(store, archiver.AtEpoch(epoch), epoch)
		m.restoresTo(store, archiver.AtTime(m.times[epoch].Add(500*time.Millisecond)), epoch)
	}
	m.restoresTo(store, archiver.AtBackup(38), 38)
	_, err = newArchive(store).Restore(t.Context(), filepath.Join(t.TempDir(), "x"), archiver.RestoreOptions{Target: archiver.AtBackup(37)})
	mustFail(t, err, archiver.CodeNoBackup, "backups 2 to 38 were merged into 38")
	mustBeWhole(t, store)
}

// With nothing to merge, nothing is stored.
func TestCompactNothing(t *testing.T) {
	store := storagetest.NewMemory()
	increments(t, store, 31)
	for range 2 {
		before := store.Objects()
		r, err := newArchive(store).Compact(t.Context(), archiver.CompactOptions{Min: 31, Tail: 1, Apply: true})
		if err != nil || len(r.Merged) != 0 || r.Keep != 0 || r.Before != (archiver.Amount{}) {
			t.Errorf("%+v, %v", r, err)
		}
		if !maps.EqualFunc(before, store.Objects(), slices.Equal) {
			t.Error("something was stored")
		}
	}
}

// What was merged is merged again with what has come since, as long as that is not little.
func TestCompactAgain(t *testing.T) {
	store := storagetest.NewMemory()
	m := increments(t, store, 8)
	compactAll(t, store) // 2 to 8 by 10, keep 11
	for range 3 {
		m.commit(200)
		backup(t, store, m.path)
	}
	if r := compactAll(t, store); !slices.Equal(r.Merged, []archiver.MergedBackups{{From: 9, To: 13, By: 15, Backups: 3}}) {
		t.Errorf("with little after it: %+v", r.Merged)
	}
	for range 9 {
		m.commit(200)
		backup(t, store, m.path)
	}
	if r := compactAll(t, store); !slices.Equal(r.Merged, []archiver.MergedBackups{{From: 2, To: 24, By: 26, Backups: 11}}) {
		t.Errorf("with much after it: %+v", r.Merged)
	}
	if got := numbers(t, store); !slices.Equal(got, []uint64{1, 24, 25}) {
		t.Errorf("the backups are %v", got)
	}
	for epoch := uint64(1); epoch <= m.epoch; epoch++ {
		m.restoresTo(store, archiver.AtEpoch(epoch), epoch)
	}
	mustBeWhole(t, store)
}

// Full, pinned, labelled and imported backups keep their numbers.
func TestCompactKeepsNumbers(t *testing.T) {
	store := storagetest.NewMemory()
	m := increments(t, store, 9)
	if _, err := newArchive(store).Pin(t.Context(), 4, "before"); err != nil { // as 11
		t.Fatal(err)
	}
	m.commit(100)
	full(t, store, m.path) // 12
	for i := range 6 {
		m.commit(100)
		var labels map[string]string
		if i == 2 {
			labels = map[string]string{"state": "good"}
		}
		if _, err := newArchive(store).Backup(t.Context(), m.path, archiver.BackupOptions{Labels: labels}); err != nil {
			t.Fatal(err)
		}
	}
	compactAll(t, store)
	if got := numbers(t, store); !slices.Equal(got, []uint64{1, 4, 10, 12, 15, 17, 18}) {
		t.Errorf("the backups are %v", got)
	}
	for seq := manifest.Seq(19); seq <= 22; seq++ {
		if m := recordOf(t, store, seq); m.Kind == manifest.Merged && (m.Labels["state"] == "good") != (m.Replaces[1] == 15) {
			t.Errorf("record %d, for %d, has the labels %v", seq, m.Replaces[1], m.Labels)
		}
	}
	for epoch := uint64(1); epoch <= m.epoch; epoch++ {
		m.restoresTo(store, archiver.AtEpoch(epoch), epoch)
	}
	mustBeWhole(t, store)
}

// For random histories with compactions, every epoch restores exactly, by its number and
// by its time.
func TestCompactRandomHistories(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := newModel(t)
		store := storagetest.NewMemory()
		a := newArchive(store)
		taken := uint64(0)
		for range rapid.IntRange(1, 40).Draw(r, "steps") {
			switch rapid.IntRange(0, 12).Draw(r, "step") {
			case 0, 1, 2, 3, 4:
				m.commit(rapid.IntRange(1, 3000).Draw(r, "size"))
			case 5:
				m.group(grafeotest.Group06{SyncMark: true, Synced: m.log.LSN()})
			case 6:
				m.checkpointHeld()
			case 7:
				if taken > 0 {
					compactAll(t, store)
				}
			default:
				opts := archiver.BackupOptions{Full: rapid.IntRange(0, 9).Draw(r, "full") == 0}
				b, err := a.Backup(t.Context(), m.path, opts)
				if err != nil {
					t.Fatal(err)
				}
				taken = b.Backup.RestoreTo
			}
		}
		if taken == 0 {
			return
		}
		compactAll(t, store)
		for epoch := max(1, firstRestorable(t, a)); epoch <= taken; epoch++ {
			m.restoresTo(store, archiver.AtEpoch(epoch), epoch)
			m.restoresTo(store, archiver.AtTime(m.times[epoch].Add(500*time.Millisecond)), epoch)
		}
		mustBeWhole(t, store)
	})
}

// recordOf returns the manifest of a record.
func recordOf(t testing.TB, store *storagetest.Memory, seq manifest.Seq) *manifest.Manifest {
	t.Helper()
	m, err := decodeManifest(store.Objects()[seq.Key()])
	if err != nil {
		t.Fatal(err)
	}
	return m
}
