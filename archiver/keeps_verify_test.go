package archiver_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// chains takes so many chains of backups, each a full one and so many incrementals.
func chains(t testing.TB, m *model, store storage.Storage, chains, incrementals int) {
	t.Helper()
	for range chains {
		m.commit(100)
		full(t, store, m.path)
		for range incrementals {
			m.commit(100)
			backup(t, store, m.path)
		}
	}
}

// An archive with keeps, merged records and removed backups is whole: before anything was
// deleted, when everything dead was, and after any part of it, as a killed run leaves it.
func TestVerifyAfterRemovals(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), newModel(t)
	chains(t, m, store, 3, 30) // 1 to 93
	merge(t, store, 70, 80, true)
	remove(t, store, seqs(1, 62)...)
	m.commit(100)
	backup(t, store, m.path)
	r := mustBeWhole(t, store)
	if r.Backups != 31-10+1 || r.Waiting == 0 || r.Unused != 0 {
		t.Errorf("before the sweep: %+v", r)
	}
	swept := refill(t, store.Objects())
	deleted := sweep(t, swept)
	if !slices.ContainsFunc(deleted, func(key string) bool { return strings.HasPrefix(key, manifest.SegmentPrefix) }) {
		t.Fatalf("only %v was deleted", deleted)
	}
	if r := mustBeWhole(t, swept); r.Backups != 31-10+1 || r.Waiting != 0 || r.Unused != 0 {
		t.Errorf("after the sweep: %+v", r)
	}
	m.restoresTo(swept, archiver.Target{}, m.epoch)
	remove(t, store, seqs(63, 93)...) // the chain of the newest one is broken
	if found := findings(t, store.Objects()); !slices.ContainsFunc(found, func(f archiver.Finding) bool { return strings.Contains(f.Problem, "does not exist any more") }) {
		t.Errorf("a broken chain: %v", found)
	}
}

// Whole groups of manifests go, from the second one on, and nothing else may be missing.
func TestVerifyMissingNumbers(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), newModel(t)
	chains(t, m, store, 1, 3)
	keep(t, store, keepChange{}) // 5, the first: numbers up to it stay
	chains(t, m, store, 1, 99)   // 6 to 105
	chains(t, m, store, 1, 1)    // 106, 107
	remove(t, store, seqs(6, 105)...)
	deleted := sweep(t, store)
	gone := 0
	for _, key := range deleted {
		if seq, ok := manifest.ParseKey(key); ok {
			if gone++; seq < 33 || seq > 96 {
				t.Errorf("%s was deleted", key)
			}
		}
	}
	if gone != 64 {
		t.Fatalf("%d manifests were deleted", gone)
	}
	if r := mustBeWhole(t, store); r.Backups != 6 {
		t.Errorf("%+v", r)
	}
	for _, seq := range []manifest.Seq{3, 5, 20, 97, 105, 106, 108} {
		objects := store.Objects()
		delete(objects, seq.Key())
		isNewest := objects[(seq+1).Key()] == nil
		if found := findings(t, objects); !isNewest && !names(found, seq.Key()) {
			t.Errorf("without %d: %v", seq, found)
		}
	}
}

// What is wrong with a removed backup is no finding, whatever it is.
func TestVerifyIgnoresRemoved(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), newModel(t)
	chains(t, m, store, 2, 2)
	remove(t, store, 1, 2, 3)
	before := store.Objects()
	for _, seq := range []uint64{1, 2, 3} {
		objects := refill(t, before).Objects()
		for _, key := range append(namedBy(t, before, manifestOf(t, before, seq)), manifest.Seq(seq).Key()) {
			if key != "" && !slices.Contains(namedBy(t, before, manifestOf(t, before, 4)), key) {
				objects[key] = []byte("rot")
			}
		}
		mustBeWhole(t, refill(t, objects))
	}
}

// A finding about a backup that is removed while the verification runs does not count, and
// all others do.
func TestVerifyBesideRemoval(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), newModel(t)
	chains(t, m, store, 2, 2)
	removed := false
	faulty := storagetest.NewFaulty(store, func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpList && key == manifest.SegmentPrefix && !removed {
			removed = true
			remove(t, store, 1, 2, 3)
			sweep(t, store)
		}
		return storagetest.Fault{}
	})
	r, err := newArchive(faulty).Verify(t.Context(), archiver.VerifyOptions{Deep: true})
	if err != nil || !r.OK() || r.Gone == 0 {
		t.Errorf("%+v, %v", r, err)
	}
	removed = false
	chains(t, m, store, 1, 1)
	damaged := namedBy(t, store.Objects(), manifestOf(t, store.Objects(), 8))[0]
	faulty = storagetest.NewFaulty(store, func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpList && key == manifest.SegmentPrefix && !removed {
			removed = true
			remove(t, store, 4, 5, 6)
			sweep(t, store)
			if err := store.Delete(t.Context(), damaged); err != nil {
				t.Error(err)
			}
		}
		return storagetest.Fault{}
	})
	r, err = newArchive(faulty).Verify(t.Context(), archiver.VerifyOptions{})
	if err != nil || r.Gone == 0 || len(r.Findings) != 1 || r.Findings[0].Key != damaged {
		t.Errorf("%+v, %v; want %s", r, err, damaged)
	}
}

// A keep that makes alive again what was gone is found, as is a missing fence.
func TestVerifyKeeps(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), newModel(t)
	chains(t, m, store, 2, 2)
	remove(t, store, 1, 2, 3)
	again := keep(t, store, keepChange{change: func(k *manifest.Keeping) { k.Alive = manifest.RangesOf([]manifest.Seq{1, 4, 5, 6}) }})
	if found := findings(t, store.Objects()); len(found) != 1 || found[0].Key != again.Key() || !strings.Contains(found[0].Problem, "record 1 is alive, and was gone as of the keep 7") {
		t.Errorf("%v", found)
	}
	objects := store.Objects()
	delete(objects, manifest.FenceKey(7))
	if found := findings(t, objects); !names(found, manifest.FenceKey(7)) {
		t.Errorf("no fence: %v", found)
	}
}

// seqs are the numbers from one to another.
func seqs(from, to uint64) (all []uint64) {
	for seq := from; seq <= to; seq++ {
		all = append(all, seq)
	}
	return all
}
