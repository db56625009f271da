package archiver_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// expire removes what rules do not keep, with no grace unless another is given.
func expire(t *testing.T, store *storagetest.Memory, rules archiver.Rules) archiver.ExpireReport {
	t.Helper()
	r, err := newArchive(store).Expire(t.Context(), archiver.ExpireOptions{Rules: &rules, Apply: true, Grace: archiver.NoGrace})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// named are the keys of all objects that living backups name, and of those that stay
// whatever happens.
func named(t *testing.T, store *storagetest.Memory) map[string]bool {
	t.Helper()
	objects := store.Objects()
	keys := map[string]bool{manifest.ArchiveKey: true}
	l, err := newArchive(store).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range l.Backups {
		m := manifestOf(t, objects, b.Seq)
		ix := m.Content
		if ix == nil {
			keys[m.Index.Key] = true
			ix = indexAt(t, objects, m)
		}
		for _, s := range ix.Segments {
			if !s.IsInline() {
				keys[s.Key] = true
			}
		}
		for i := range ix.Files {
			for _, p := range ix.Files[i].Pages {
				keys[p.Key] = true
			}
		}
	}
	return keys
}

// unneeded are the data objects of a store that no living backup names.
func unneeded(t *testing.T, store *storagetest.Memory) []string {
	t.Helper()
	keys := named(t, store)
	var left []string
	for _, key := range slices.Sorted(maps.Keys(store.Objects())) {
		isData := strings.HasPrefix(key, manifest.SegmentPrefix) || strings.HasPrefix(key, manifest.IndexPrefix) || strings.HasPrefix(key, manifest.PagesPrefix)
		if isData && !keys[key] {
			left = append(left, key)
		}
	}
	for key := range keys {
		if store.Objects()[key] == nil {
			t.Errorf("%s is gone, and a backup needs it", key)
		}
	}
	return left
}

// What no rule keeps leaves the list at once, and its bytes go; what stays can be restored
// as before, and the next backup continues.
func TestExpire(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	store := storagetest.NewMemory()
	for i := range 9 {
		m.commit(3000)
		if i%3 == 2 {
			m.checkpointHeld()
		}
		if _, err := newArchive(store).Backup(t.Context(), m.path, archiver.BackupOptions{Full: i%3 == 0}); err != nil {
			t.Fatal(err)
		}
	}
	want := restore(t, store, 9)
	dry, err := newArchive(store).Expire(t.Context(), archiver.ExpireOptions{Rules: &archiver.Rules{Last: 2}, Grace: archiver.NoGrace})
	if err != nil || dry.Applied || dry.Removed != 6 || dry.Kept != 3 || dry.Deleted.Objects == 0 {
		t.Fatalf("%+v, %v", dry, err)
	}
	r := expire(t, store, archiver.Rules{Last: 2})
	if r.Removed != 6 || r.Kept != 3 || r.Keep != 10 || r.Deleted != dry.Deleted {
		t.Errorf("%+v", r)
	}
	if left := unneeded(t, store); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	l, err := newArchive(store).List(t.Context())
	if err != nil || len(l.Backups) != 3 || l.Backups[0].Seq != 7 {
		t.Fatalf("%+v, %v", l, err)
	}
	if got := restore(t, store, 9); !equal(got, want) {
		t.Error("backup 9 restores something else")
	}
	m.commit(100)
	b := backup(t, store, m.path)
	if b.Backup.Seq != 11 || b.Backup.Kind != archiver.KindIncremental {
		t.Errorf("%+v", b)
	}
	again := expire(t, store, archiver.Rules{Last: 9})
	if again.Keep != 0 || again.Removed != 0 {
		t.Errorf("nothing is to be done: %+v", again)
	}
}
