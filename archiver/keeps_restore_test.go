package archiver_test

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// beside is what happens to an archive while a state of it is restored.
type beside struct {
	target  archiver.Target
	epoch   uint64 // of the target
	happens func(t testing.TB, store *storagetest.Memory)
	codes   []archiver.Code // how the restore may end, "" for well
}

// largeChains takes chains of a full backup and so many incrementals, all of which have
// objects of their own.
func largeChains(t testing.TB, m *model, store storage.Storage, checkpoint bool, incrementals ...int) {
	t.Helper()
	for _, n := range incrementals {
		if checkpoint {
			m.checkpointHeld()
		}
		for i := range n + 1 {
			m.commit(manifest.MaxInlineBytes + 5000)
			if i == 0 {
				full(t, store, m.path)
			} else {
				backup(t, store, m.path)
			}
		}
	}
}

// isAt demands that the database at path is in the state of an epoch.
func (m *model) isAt(path string, want uint64) {
	m.t.Helper()
	epoch, from, replayed := opened(m.t, path)
	if end := from + uint64(len(replayed)); epoch != want || end > uint64(len(m.all)) || string(m.all[from:end]) != replayed {
		m.t.Errorf("the database is at epoch %d, want %d; or its log is not that of the history", epoch, want)
	}
}

// Whatever backups are removed, merged and deleted between any two requests of a restore,
// it restores exactly what it began to restore, or says that this is not to be had any
// more. What is still needed and damaged is damage.
func TestRestoreBesideRemovals(t *testing.T) {
	removing := func(seqs ...uint64) func(testing.TB, *storagetest.Memory) {
		return func(t testing.TB, store *storagetest.Memory) {
			t.Helper()
			remove(t, store, seqs...)
			sweep(t, store)
		}
	}
	for name, c := range map[string]struct {
		checkpoints bool // a full backup does not have what is before it
		beside
	}{
		"another chain is removed":     {false, beside{archiver.AtBackup(0), 8, removing(1, 2, 3, 4), []archiver.Code{""}}},
		"a later one has it":           {false, beside{archiver.AtBackup(3), 3, removing(1, 2, 3, 4), []archiver.Code{"", archiver.CodeNoBackup}}},
		"a later one has the epoch":    {true, beside{archiver.AtEpoch(7), 7, removing(1, 2, 3, 4), []archiver.Code{""}}},
		"nobody has it any more":       {true, beside{archiver.AtBackup(3), 3, removing(1, 2, 3, 4), []archiver.Code{"", archiver.CodeUnreachable, archiver.CodeNoBackup}}},
		"nobody has the epoch":         {true, beside{archiver.AtEpoch(2), 2, removing(1, 2, 3, 4), []archiver.Code{"", archiver.CodeUnreachable}}},
		"its incrementals are merged":  {false, beside{archiver.AtBackup(3), 3, merging, []archiver.Code{"", archiver.CodeNoBackup}}},
		"those of the end are merged":  {false, beside{archiver.AtBackup(4), 4, merging, []archiver.Code{""}}},
		"an epoch in the middle":       {true, beside{archiver.AtEpoch(3), 3, merging, []archiver.Code{""}}},
		"what it needs is damaged":     {true, beside{archiver.AtBackup(3), 3, losing, []archiver.Code{"", archiver.CodeDamagedArchive}}},
		"and something else is merged": {true, beside{archiver.AtBackup(8), 8, losingAnd, []archiver.Code{"", archiver.CodeDamagedArchive}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, m := storagetest.NewMemory(), newModel(t)
			largeChains(t, m, before, c.checkpoints, 3, 3) // 1 to 4, 5 to 8
			seen := map[archiver.Code]bool{}
			operations := 1
			for k := 1; k <= operations; k++ {
				synctest.Test(t, func(t *testing.T) {
					code, calls := m.restoreBeside(t, refill(t, before.Objects()), k, c.beside)
					seen[code] = true
					if k == 1 || calls > operations && !seen[archiver.CodeDamagedArchive] {
						operations = calls
					}
				})
			}
			for _, code := range c.codes {
				if code != archiver.CodeNoBackup && !seen[code] {
					t.Errorf("no restore ended with %q", code)
				}
			}
		})
	}
}

// merging merges the incrementals of the first chain.
func merging(t testing.TB, store *storagetest.Memory) {
	t.Helper()
	merge(t, store, 2, 4, true)
	sweep(t, store)
}

// losing loses what backup 3 has.
func losing(t testing.TB, store *storagetest.Memory) {
	t.Helper()
	all := store.Objects()
	for _, key := range namedBy(t, all, manifestOf(t, all, 3)) {
		if err := store.Delete(t.Context(), key); err != nil {
			t.Error(err)
		}
	}
}

// losingAnd loses what backup 7 has, and merges others.
func losingAnd(t testing.TB, store *storagetest.Memory) {
	t.Helper()
	all := store.Objects()
	merging(t, store)
	for _, key := range namedBy(t, all, manifestOf(t, all, 7)) {
		if err := store.Delete(t.Context(), key); err != nil {
			t.Error(err)
		}
	}
}

// restoreBeside restores from a store to which something happens before operation k. It
// returns the code of the error, and how many operations there were.
func (m *model) restoreBeside(t *testing.T, store *storagetest.Memory, k int, b beside) (archiver.Code, int) {
	t.Helper()
	done := false
	faulty := storagetest.NewFaulty(store, func(_ storage.Op, _ string, n int) storagetest.Fault {
		if n == k && !done {
			done = true
			b.happens(t, store)
		}
		return storagetest.Fault{}
	})
	dir := t.TempDir()
	path := filepath.Join(dir, "r.grafeo")
	a := newWith(faulty, archiver.Options{Concurrency: 1, Host: "test", Tool: "test"})
	r, err := a.Restore(t.Context(), path, archiver.RestoreOptions{Target: b.target})
	code := archiver.CodeOf(err)
	isExpected := false
	for _, c := range b.codes {
		isExpected = isExpected || c == code
	}
	switch {
	case !isExpected:
		t.Errorf("at operation %d: %s: %v", k, code, err)
	case err == nil:
		m.isAt(path, b.epoch)
		if r.Plan.Epoch != b.epoch {
			t.Errorf("at operation %d: the report says epoch %d", k, r.Plan.Epoch)
		}
	case code == archiver.CodeUnreachable:
		if left := contents(t, dir); len(left) > 0 {
			t.Errorf("at operation %d: the restore has left %d files", k, len(left))
		}
	}
	return code, len(faulty.Calls())
}

// A restore whose backups are removed again and again gives up, and says what there is. One
// that has better luck ends well.
func TestRestoreBesideEndlessRemovals(t *testing.T) {
	t.Parallel()
	for removals, want := range map[int]archiver.Code{3: "", 4: archiver.CodeUnreachable, 99: archiver.CodeUnreachable} {
		store, m := storagetest.NewMemory(), newModel(t)
		largeChains(t, m, store, false, 0)
		newest, left := uint64(1), removals
		asked := map[string]bool{} // what is missing is asked for twice
		faulty := storagetest.NewFaulty(store, func(op storage.Op, key string, _ int) storagetest.Fault {
			if op == storage.OpGet && strings.HasPrefix(key, manifest.SegmentPrefix) && left > 0 && !asked[key] {
				asked[key] = true
				left--
				before := newest
				m.commit(manifest.MaxInlineBytes + 5000)
				newest = freshFull(t, store, m.path)
				remove(t, store, before)
				sweep(t, store)
			}
			return storagetest.Fault{}
		})
		dir := t.TempDir()
		a := newWith(faulty, archiver.Options{Concurrency: 1, Host: "test", Tool: "test"})
		_, err := a.Restore(t.Context(), filepath.Join(dir, "r.grafeo"), archiver.RestoreOptions{})
		if want == "" {
			if err != nil {
				t.Errorf("%d removals: %v", removals, err)
			}
			m.isAt(filepath.Join(dir, "r.grafeo"), 1)
			continue
		}
		mustFail(t, err, want, "again and again", "the archive has timeline 1 from epoch 0 to")
	}
}

// freshFull takes a full backup that refers to no other, and returns its number.
func freshFull(t testing.TB, store storage.Storage, path string) uint64 {
	t.Helper()
	r, err := newArchive(store).Backup(t.Context(), path, archiver.BackupOptions{Full: true, Fresh: true})
	if err != nil {
		t.Error(err)
	}
	return r.Backup.Seq
}

// What was fetched of backups that are still needed is not fetched again.
func TestReplanKeepsWhatIsRight(t *testing.T) {
	t.Parallel()
	l := newLarge(t)
	l.more()
	l.more()
	var mu sync.Mutex // small segments are fetched side by side
	asked := map[string]int{}
	merged := false
	last := namedBy(t, l.store.Objects(), manifestOf(t, l.store.Objects(), 4))[0]
	faulty := storagetest.NewFaulty(l.store, func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpGet && strings.HasPrefix(key, manifest.SegmentPrefix) {
			mu.Lock()
			defer mu.Unlock()
			asked[key]++
			if key == last && !merged {
				merged = true
				merge(t, l.store, 2, 4, true)
				l.more() // so that a newer one than those that were merged is there
				sweep(t, l.store)
			}
		}
		return storagetest.Fault{}
	})
	path := filepath.Join(t.TempDir(), "r.grafeo")
	a := newWith(faulty, archiver.Options{Concurrency: 1}).On(disktest.Unsynced{}).JournalAlways()
	r, err := a.Restore(t.Context(), path, archiver.RestoreOptions{})
	if err != nil || !merged {
		t.Fatalf("%+v, %v", r, err)
	}
	l.model.isAt(path, 4)
	again := 0
	for _, n := range asked {
		if n > 1 {
			again++
		}
	}
	if again > 2 { // the one with the first page, and the one that was gone
		t.Errorf("%d of %d segments were fetched twice: %v", again, len(asked), asked)
	}
}

// An export beside removals is whole, or there is none.
func TestExportBesideRemovals(t *testing.T) {
	t.Parallel()
	before, m := storagetest.NewMemory(), newModel(t)
	largeChains(t, m, before, true, 3, 3)
	from := map[uint64]bool{} // the lowest epochs of the exports
	operations := 1
	for k := 1; k <= operations; k++ {
		store := refill(t, before.Objects())
		faulty := storagetest.NewFaulty(store, func(_ storage.Op, _ string, n int) storagetest.Fault {
			if n == k {
				remove(t, store, 1, 2, 3, 4)
				sweep(t, store)
			}
			return storagetest.Fault{}
		})
		folder := filepath.Join(t.TempDir(), "native")
		a := newWith(faulty, archiver.Options{Concurrency: 1, Host: "test", Tool: "test"})
		r, err := a.Export(t.Context(), folder, archiver.ExportOptions{})
		operations = max(operations, len(faulty.Calls()))
		if err != nil {
			t.Errorf("at operation %d: %v", k, err)
			continue
		}
		if i := inspect(t, folder); !i.Whole() || r.ToEpoch != m.epoch {
			t.Errorf("at operation %d: %+v, %v", k, r, i.Problem)
		}
		from[r.FromEpoch] = true
		if k > 200 {
			t.Fatal("it does not end")
		}
	}
	if len(from) < 2 {
		t.Error("no export had to plan again")
	}
}
