package archiver_test

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// everyKind06 is an archive with every kind of object and of backup that there
// is: full ones, one that continues, incrementals, one with an index of its own,
// a fork, several segments, one that another backup has written under a second
// name, and a full one that refers to segments of earlier ones.
func everyKind06(t *testing.T) map[string][]byte {
	t.Helper()
	store := chain06(t, 900)
	path := filepath.Join(t.TempDir(), "fork.grafeo")
	if err := grafeotest.Image06(path, grafeotest.Image06Options{Iteration: 1, Epoch: 7, Size: 5 << 19, Compressible: 0.9999}); err != nil {
		t.Fatal(err)
	}
	withLog(t, path, 2)
	objects := storedAgain(t, store, path)
	if err := grafeotest.Image06(path, grafeotest.Image06Options{
		Iteration: 2, Epoch: 7, Size: 5 << 19, Compressible: 0.9999, Seed: func(chunk int) uint64 { return uint64(chunk) + uint64(chunk/2)*100 },
	}); err != nil {
		t.Fatal(err)
	}
	store = refill(t, objects)
	r, err := newArchive(store).Backup(t.Context(), path, archiver.BackupOptions{Full: true, SegmentBytes: archiver.MinSegmentBytes})
	if err != nil || r.Backup.ReusedBytes == 0 || r.Backup.Segments == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	return store.Objects()
}

// chain06 is an archive with a full backup, two incrementals, the second one
// with so many commits, a full one that continues them, and an incremental.
func chain06(t *testing.T, many int) *storagetest.Memory {
	t.Helper()
	store := storagetest.NewMemory()
	m := newModel(t)
	m.commit(300)
	backup(t, store, m.path)
	m.commit(200)
	backup(t, store, m.path)
	for range many {
		m.commit(1)
	}
	backup(t, store, m.path)
	m.checkpointHeld()
	m.commit(100)
	full(t, store, m.path)
	m.commit(100)
	backup(t, store, m.path)
	return store
}

// everyKind05 is the same of generation 0.5.
func everyKind05(t *testing.T) map[string][]byte {
	t.Helper()
	store, path := chain05(t, 2500)
	// A clean close, and another run.
	err := errors.Join(os.RemoveAll(path+".wal"), grafeotest.Image05(path, grafeotest.Image05Options{
		Iteration: 2, Epoch: 2504, Sections: []int64{1 << 20, 3 << 19}, Compressible: 0.9999,
	}))
	if err != nil {
		t.Fatal(err)
	}
	log, err := grafeotest.NewLog05(path+".wal", 0)
	if err == nil {
		err = errors.Join(log.Append(1, 100, 1), log.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return storedAgain(t, store, path)
}

// chain05 is chain06 of generation 0.5. It returns the database, too.
func chain05(t *testing.T, many int) (store *storagetest.Memory, path string) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	store, path = storagetest.NewMemory(), filepath.Join(t.TempDir(), "m.grafeo")
	check(grafeotest.Image05(path, grafeotest.Image05Options{Iteration: 1, Epoch: 1, Sections: []int64{3000}}))
	log, err := grafeotest.NewLog05(path+".wal", 0)
	check(err)
	epoch := uint64(0)
	commit := func(n int) {
		t.Helper()
		epoch++
		check(log.Append(epoch, n, epoch))
	}
	commit(300)
	backup(t, store, path)
	commit(200)
	backup(t, store, path)
	for range many {
		commit(1)
	}
	backup(t, store, path)
	check(log.Rotate())
	commit(100)
	full(t, store, path)
	commit(100)
	backup(t, store, path)
	check(log.Close())
	return store, path
}

// storedAgain backs up a fork in several segments, and again after one of
// these was damaged, which is then healed.
func storedAgain(t *testing.T, store *storagetest.Memory, path string) map[string][]byte {
	t.Helper()
	opts := archiver.BackupOptions{Full: true, Fresh: true, SegmentBytes: archiver.MinSegmentBytes}
	host := archiver.Options{Host: "test", Tool: "test", State: t.TempDir()}
	r, err := newWith(store, host).On(disktest.Unsynced{}).Backup(t.Context(), path, opts)
	if err != nil || r.Backup.Timeline != 2 || r.Backup.Segments < 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	objects := store.Objects()
	m := manifestOf(t, objects, r.Backup.Seq)
	damaged := m.Content.Segments[0].Key
	broken := maps.Clone(objects)
	broken[damaged] = bytes.Repeat([]byte{1}, len(objects[damaged]))
	store = refill(t, broken)
	if r, err = newWith(store, host).On(disktest.Unsynced{}).Backup(t.Context(), path, opts); err != nil || r.Backup.Segments != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	again := store.Objects()
	again[damaged] = objects[damaged]
	if renamed := manifestOf(t, again, r.Backup.Seq).Content.Segments[0].Key; !isEncrypted && !strings.HasPrefix(renamed, strings.TrimSuffix(damaged, ".zst")+"-") {
		t.Fatalf("the segment %s was not stored under another name, but %s", damaged, renamed)
	}
	kinds := map[string]int{}
	for key := range again {
		kinds[kindOf(key)]++
	}
	if want := 5 + len(m.Content.Image().Pages); len(kinds) != want { // 0.5 has no digests of pages
		t.Fatalf("not every kind of object is there: %v", kinds)
	}
	return again
}

func kindOf(key string) string { first, _, _ := strings.Cut(key, "/"); return first }

func manifestOf(t testing.TB, objects map[string][]byte, seq uint64) *manifest.Manifest {
	t.Helper()
	m, err := decodeManifest(objects[manifest.Seq(seq).Key()])
	if err != nil {
		t.Fatal(err)
	}
	return m
}
