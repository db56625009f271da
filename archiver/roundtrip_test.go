package archiver_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/local"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// What is restored is the image byte for byte, and the log up to its last
// whole commit; the source is untouched.
func TestRestoreReturnsWhatWasBackedUp(t *testing.T) {
	for _, name := range vectors {
		t.Run(name, func(t *testing.T) {
			path := copyVector(t, name)
			before := contents(t, filepath.Dir(path))
			store := storagetest.NewMemory()
			r := backup(t, store, path)
			if r.Backup.Seq != 1 || r.Backup.Kind != "full" || r.Backup.Timeline != 1 {
				t.Errorf("backup %d, %s, timeline %d", r.Backup.Seq, r.Backup.Kind, r.Backup.Timeline)
			}
			after := contents(t, filepath.Dir(path))
			for _, files := range []map[string]string{before, after} {
				delete(files, filepath.Join("tiny.grafeo.wal", "backup_cursor.meta")) // the one thing that is ours
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("the source has changed: %s", diff)
			}
			if diff := cmp.Diff(wholePart(t, path), restore(t, store, 0)); diff != "" {
				t.Errorf("restored is not what was backed up: %s", diff)
			}
			mustBeWhole(t, store)
		})
	}
}

func TestEpochsOfVectors(t *testing.T) {
	for name, want := range map[string][2]uint64{
		"v0.5.42/closed": {5, 5}, "v0.5.42/live": {3, 5}, "v0.5.42/torn-tail": {3, 4},
		"v0.5.42/reopened": {1, 2}, // of the last run alone
		"v0.6.0/closed":    {5, 5}, "v0.6.0/live": {3, 5}, "v0.6.0/torn-tail": {3, 4}, "v0.6.0/reopened": {0, 5},
	} {
		r := backup(t, storagetest.NewMemory(), copyVector(t, name))
		if got := [2]uint64{r.Backup.RestoreFrom, r.Backup.RestoreTo}; got != want {
			t.Errorf("%s: epochs %v, want %v", name, got, want)
		}
	}
}

// Files are cut into stripes and frames, small ones share a frame, and all of them come
// back whole, whatever their sizes.
func TestManyStripes(t *testing.T) {
	path := bigDatabase(t, 9<<20)
	withLog(t, path, 50)
	store := storagetest.NewMemory()
	a := newWith(store, archiver.Options{Concurrency: 3})
	var last archiver.Progress
	r, err := a.Backup(t.Context(), path, archiver.BackupOptions{SegmentBytes: archiver.MinSegmentBytes, Observer: lastOf(&last)})
	if err != nil {
		t.Fatal(err)
	}
	if r.Backup.Segments < 9 || last.Done != r.Backup.RawBytes || last.Total != r.Backup.RawBytes {
		t.Errorf("%d segments, progress %+v of %d bytes", r.Backup.Segments, last, r.Backup.RawBytes)
	}
	if diff := cmp.Diff(wholePart(t, path), restore(t, store, 0)); diff != "" {
		t.Error("restored is not what was backed up")
	}
	mustBeWhole(t, store)
}

func TestBackupsOfOneDatabase(t *testing.T) {
	store := storagetest.NewMemory()
	path := copyVector(t, "v0.6.0/live")
	for want := uint64(1); want <= 3; want++ {
		if r := full(t, store, path); r.Backup.Seq != want || r.Backup.Timeline != 1 {
			t.Errorf("backup %d on timeline %d, want %d on 1", r.Backup.Seq, r.Backup.Timeline, want)
		}
	}
	listed, err := newArchive(store).List(t.Context())
	list := listed.Backups
	if err != nil || len(list) != 3 || list[2].Seq != 3 {
		t.Fatalf("list: %v, %v", list, err)
	}
	for seq := uint64(1); seq <= 3; seq++ {
		if diff := cmp.Diff(wholePart(t, path), restore(t, store, seq)); diff != "" {
			t.Errorf("backup %d: %s", seq, diff)
		}
	}
	mustBeWhole(t, store)
}

// A history that the archive cannot prove to continue the one before is a
// timeline of its own.
func TestAnotherHistoryIsAnotherTimeline(t *testing.T) {
	store := storagetest.NewMemory()
	backup(t, store, copyVector(t, "v0.5.42/live"))
	path := copyVector(t, "v0.5.42/live")
	if err := os.RemoveAll(path + ".wal"); err != nil {
		t.Fatal(err)
	}
	if r := backup(t, store, path); r.Backup.Timeline != 2 || r.Backup.RestoreTo != 3 {
		t.Errorf("timeline %d, epoch %d; want 2 and 3", r.Backup.Timeline, r.Backup.RestoreTo)
	}
}

func TestArchiveOfAnotherDatabase(t *testing.T) {
	store := storagetest.NewMemory()
	backup(t, store, copyVector(t, "v0.6.0/live"))
	before := store.Objects()
	_, err := newArchive(store).Backup(t.Context(), copyVector(t, "v0.6.0/closed"), archiver.BackupOptions{})
	mustFail(t, err, archiver.CodeWrongDatabase, "another database")
	if diff := cmp.Diff(before, store.Objects()); diff != "" {
		t.Error("the archive has changed")
	}
}

// A backup that was interrupted before its commit sends only what is missing.
func TestInterruptedBackupContinues(t *testing.T) {
	path := bigDatabase(t, 6<<20)
	inner := storagetest.NewMemory()
	puts := 0
	failing := storagetest.NewFaulty(inner, func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpPut && strings.HasPrefix(key, manifest.SegmentPrefix) {
			if puts++; puts > 4 {
				return storagetest.Fault{Err: storage.ErrPermission}
			}
		}
		return storagetest.Fault{}
	})
	host := archiver.Options{Concurrency: 1, Name: "here", State: t.TempDir()}
	a := newWith(failing, host)
	opts := archiver.BackupOptions{SegmentBytes: archiver.MinSegmentBytes}
	_, err := a.Backup(t.Context(), path, opts)
	mustFail(t, err, archiver.CodePermission)
	left := len(inner.Objects())
	if left != 4 {
		t.Fatalf("%d objects were stored before the failure, want 4", left)
	}
	r, err := newWith(inner, host).Backup(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	if segments := int64(r.Backup.Segments); segments != segmentsOf(inner)-4 || r.Backup.ReusedBytes != 4*archiver.MinSegmentBytes {
		t.Errorf("%d segments were sent, of %d; %d bytes reused", segments, segmentsOf(inner), r.Backup.ReusedBytes)
	}
	mustBeWhole(t, inner)
}

// segmentsOf counts the segments that are stored.
func segmentsOf(store *storagetest.Memory) (n int64) {
	for key := range store.Objects() {
		if strings.HasPrefix(key, manifest.SegmentPrefix) {
			n++
		}
	}
	return n
}

// No new manifest names a segment whose bytes do not match its name, be it from an
// interrupted run or from an earlier backup: the bytes are stored again, under another
// name.
func TestLeftoverWithOtherContent(t *testing.T) {
	path := copyVector(t, "v0.6.0/live")
	first := storagetest.NewMemory()
	backup(t, first, path)
	for name, damage := range map[string]func([]byte) []byte{
		"flipped": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"cut":     func(b []byte) []byte { return b[:len(b)-1] },
	} {
		objects := first.Objects()
		for key, b := range objects {
			if segmentKey(key) {
				objects[key] = damage(b)
			}
		}
		store := refill(t, objects)
		if _, err := archiver.ReleaseAll(t.Context(), path); err != nil { // it knows of another case's backup
			t.Fatal(err)
		}
		r := full(t, hashless{store}, path)
		if r.Backup.Segments != 1 {
			t.Errorf("%s: %d segments were stored, want 1", name, r.Backup.Segments)
		}
		if diff := cmp.Diff(wholePart(t, path), restore(t, store, 2)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		for key, b := range objects {
			if !bytes.Equal(store.Objects()[key], b) {
				t.Errorf("%s: %s was overwritten", name, key)
			}
		}
	}
}

// hashless is a store that keeps no hashes of its objects.
type hashless struct{ storage.Storage }

func (h hashless) Head(ctx context.Context, key string) (storage.ObjectInfo, error) {
	info, err := h.Storage.Head(ctx, key)
	info.SHA256 = nil
	return info, err
}

// A database that changes while it is read is read again, and what is committed
// is one of its states.
func TestDatabaseChangesWhileItIsRead(t *testing.T) {
	path := copyVector(t, "v0.6.0/live")
	at := chunkOf(t, path)
	flip(t, path, at) // what a reader sees that comes in the middle of a write
	inner := storagetest.NewMemory()
	healed := false
	store := storagetest.NewFaulty(inner, func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpPut && !healed {
			healed = true
			flip(t, path, at)
			if err := os.Chtimes(path, time.Time{}, time.Now().Add(time.Second)); err != nil {
				t.Error(err)
			}
		}
		return storagetest.Fault{}
	})
	backup(t, store, path)
	if diff := cmp.Diff(wholePart(t, path), restore(t, store, 0)); diff != "" {
		t.Error(diff)
	}
	mustBeWhole(t, inner)
}

// Damage that is there to stay is an error that names the place, and nothing is
// committed.
func TestDamagedDatabase(t *testing.T) {
	for _, name := range []string{"v0.5.42/live", "v0.6.0/live"} {
		path := copyVector(t, name)
		flip(t, path, chunkOf(t, path))
		store := storagetest.NewMemory()
		_, err := newArchive(store).Backup(t.Context(), path, archiver.BackupOptions{})
		mustFail(t, err, archiver.CodeDamagedDatabase, path, "checksum")
		for key := range store.Objects() {
			if !segmentKey(key) {
				t.Errorf("%s: %s was stored", name, key)
			}
		}
	}
}

func TestLocalStoreRoundTrip(t *testing.T) {
	store, err := local.Open(filepath.Join(t.TempDir(), "an archive, ünïcode"))
	if err != nil {
		t.Fatal(err)
	}
	path := copyVector(t, "v0.5.42/backup")
	backup(t, store, path)
	if diff := cmp.Diff(wholePart(t, path), restore(t, store, 0)); diff != "" {
		t.Error(diff)
	}
	mustBeWhole(t, store)
}

// A 0.5 database that was closed begins a new log, and may write the very
// same bytes as before: that is another run all the same.
func TestSameLogAfterAClose(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "db.grafeo")
	open := func(iteration, seed uint64) {
		image := grafeotest.Image05Options{Iteration: iteration, Epoch: 9, Sections: []int64{100}, Seed: seed}
		if err := grafeotest.Image05(path, image); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(path + ".wal"); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(path+".wal", 0o700); err != nil {
			t.Fatal(err)
		}
		log, err := grafeotest.NewLog05(path+".wal", 0)
		if err != nil {
			t.Fatal(err)
		}
		for epoch := uint64(1); epoch <= 3; epoch++ {
			if err := log.Append(epoch, 2, epoch); err != nil {
				t.Fatal(err)
			}
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	store := storagetest.NewMemory()
	open(4, 1)
	backup(t, store, path)
	if r := backup(t, store, path); r.Backup.Kind != archiver.KindNone {
		t.Errorf("nothing has changed: %+v", r)
	}
	open(5, 2)
	if r := backup(t, store, path); r.Backup.Kind != "full" || r.Backup.Timeline != 2 {
		t.Errorf("the log is the same, the image is not: %+v", r)
	}
	if diff := cmp.Diff(wholePart(t, path), restore(t, store, 0)); diff != "" {
		t.Error(diff)
	}
}

// lastOf is an observer that keeps the last progress.
func lastOf(last *archiver.Progress) archiver.Observer {
	return func(e archiver.Event) {
		if p, ok := e.(archiver.Progress); ok {
			*last = p
		}
	}
}
