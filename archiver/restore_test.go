package archiver_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

func TestTargetExists(t *testing.T) {
	store := storagetest.NewMemory()
	path := copyVector(t, "v0.6.0/live")
	backup(t, store, path)
	for _, suffix := range []string{"", ".wal", ".checkpoint"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "db.grafeo"+suffix), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		before := contents(t, dir)
		_, err := newArchive(store).Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{})
		mustFail(t, err, archiver.CodeTargetExists, "db.grafeo"+suffix)
		if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
			t.Errorf("%q: %s", suffix, diff)
		}
	}
	// A link counts as well, wherever it points.
	dir := t.TempDir()
	if err := os.Symlink("nowhere", filepath.Join(dir, "db.grafeo")); err != nil {
		t.Fatal(err)
	}
	_, err := newArchive(store).Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{})
	mustFail(t, err, archiver.CodeTargetExists)
}

func TestForceMovesAside(t *testing.T) {
	store := storagetest.NewMemory()
	path := copyVector(t, "v0.6.0/live")
	backup(t, store, path)
	want := wholePart(t, path)
	old := contents(t, filepath.Dir(path))
	target := filepath.Join(filepath.Dir(path), "db.grafeo")
	for from, to := range map[string]string{path: target, path + ".wal": target + ".wal"} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	r, err := newArchive(store).Restore(t.Context(), target, archiver.RestoreOptions{Force: true})
	if err != nil {
		t.Fatal(err)
	}
	now := contents(t, filepath.Dir(path))
	for name, b := range want {
		if now[name] != b {
			t.Errorf("%s is not the restored one", name)
		}
	}
	moved := filepath.Base(r.MovedTo)
	if now[moved] != old["tiny.grafeo"] {
		t.Errorf("%s is not the database that was there", r.MovedTo)
	}
	for name := range old {
		if rest, ok := strings.CutPrefix(name, "tiny.grafeo.wal"); ok && now[moved+".wal"+rest] != old[name] {
			t.Errorf("%s was not moved with its database", name)
		}
	}
}

func TestNoSuchBackup(t *testing.T) {
	store := storagetest.NewMemory()
	backup(t, store, copyVector(t, "v0.6.0/live"))
	_, err := newArchive(store).Restore(t.Context(), filepath.Join(t.TempDir(), "x"), archiver.RestoreOptions{Target: archiver.AtBackup(2)})
	mustFail(t, err, archiver.CodeNoBackup, "backup 2")
}

// A restore that fails, at any request, leaves nothing, not even the folders'
// names, and the same call works again.
func TestFailedRestoreLeavesNothing(t *testing.T) {
	inner := storagetest.NewMemory()
	path := copyVector(t, "v0.6.0/live")
	backup(t, inner, path)
	want := wholePart(t, path)
	whole := storagetest.NewFaulty(inner, nil)
	if _, err := newArchive(whole).Restore(t.Context(), filepath.Join(t.TempDir(), "db.grafeo"), archiver.RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	if len(whole.Calls()) < 3 {
		t.Errorf("the restore needs %d requests only", len(whole.Calls()))
	}
	onEachCall(t, whole.Calls(), func(t *testing.T, k int) {
		store := storagetest.NewFaulty(inner, storagetest.StopAt(k, false, storagetest.Fault{Err: storage.ErrPermission}))
		dir := t.TempDir()
		_, err := newArchive(store).Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{})
		mustFail(t, err, archiver.CodePermission)
		if left := entries(t, dir); len(left) != 0 {
			t.Fatalf("failed at request %d: left %v", k, left)
		}
		if _, err := newArchive(inner).Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, contents(t, dir)); diff != "" {
			t.Error(diff)
		}
	})
}

func entries(t testing.TB, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range list {
		all = append(all, e.Name())
	}
	return all
}

// What a killed restore leaves at any moment is cleared by the next one, be it
// half of the files or a log that was published without its image.
func TestRestoreAfterAKilledOne(t *testing.T) {
	store := storagetest.NewMemory()
	path := copyVector(t, "v0.6.0/live")
	backup(t, store, path)
	want := wholePart(t, path)
	const staging = ".db.grafeo.gbak-restore"
	for name, left := range map[string][]string{
		"nothing yet":             {staging + "/lock"},
		"half of the files":       {staging + "/lock", staging + "/image", staging + "/wal/wal_00000000000000000000.log"},
		"marked, not renamed":     {staging + "/lock", staging + "/image", staging + "/wal/wal_00000000000000000000.log", staging + "/publishing"},
		"log renamed, image not":  {staging + "/lock", staging + "/image", "db.grafeo.wal/wal_00000000000000000000.log", staging + "/publishing"},
		"recovered, then killed":  {staging + "/lock", staging + "/image", staging + "/wal/wal_00000000000000000000.log", staging + "/publishing"},
		"image without its page":  {staging + "/lock", "db.grafeo", "db.grafeo.wal/wal_00000000000000000000.log", staging + "/publishing"},
		"the same, log not moved": {staging + "/lock", "db.grafeo", staging + "/wal/wal_00000000000000000000.log", staging + "/publishing"},
		"cleared, but not to end": {staging + "/publishing"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, file := range left {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o700); err != nil {
					t.Fatal(err)
				}
				content := []byte("left")
				if file == "db.grafeo" {
					content = make([]byte, 3*4096)
					content[5000] = 1
				}
				if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := newArchive(store).Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, contents(t, dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Of a database that is gone the folder that holds its log stays: it is no
// obstacle, and what is restored there is not mixed with it.
func TestRestoreWhereOnlyTheCursorIs(t *testing.T) {
	store := storagetest.NewMemory()
	path := copyVector(t, "v0.6.0/closed")
	backup(t, store, path)
	want := wholePart(t, path)["db.grafeo"]
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := newArchive(store).Restore(t.Context(), path, archiver.RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, filepath.Dir(path)); got["tiny.grafeo"] != want || len(got) != 2 { // with log.jsonl
		t.Errorf("the folder has %v", slices.Sorted(maps.Keys(got)))
	}
}

// A restore that fails removes the folders that it has made, and no others.
func TestFailedRestoreRemovesItsFolders(t *testing.T) {
	inner := storagetest.NewMemory()
	backup(t, inner, copyVector(t, "v0.6.0/live"))
	store := storagetest.NewFaulty(inner, func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpGet && segmentKey(key) {
			return storagetest.Fault{Err: storage.ErrPermission}
		}
		return storagetest.Fault{}
	})
	dir := t.TempDir()
	_, err := newArchive(store).Restore(t.Context(), filepath.Join(dir, "new", "deep", "db.grafeo"), archiver.RestoreOptions{})
	mustFail(t, err, archiver.CodePermission)
	if left := entries(t, dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

// A mark without its log is not taken for a restore: a log that was there is
// somebody's.
func TestForeignLogStays(t *testing.T) {
	store := storagetest.NewMemory()
	backup(t, store, copyVector(t, "v0.6.0/live"))
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "db.grafeo.wal"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := newArchive(store).Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{})
	mustFail(t, err, archiver.CodeTargetExists)
	if got := entries(t, dir); !slices.Equal(got, []string{"db.grafeo.wal"}) {
		t.Errorf("the folder has %v", got)
	}
}

// Of many restores to one target one wins, and the target is whole.
func TestConcurrentRestores(t *testing.T) {
	store := storagetest.NewMemory()
	path := copyVector(t, "v0.6.0/live")
	backup(t, store, path)
	dir := t.TempDir()
	var wg sync.WaitGroup
	var mu sync.Mutex
	outcomes := map[archiver.Code]int{}
	for range 16 {
		wg.Go(func() {
			_, err := newArchive(store).Restore(context.Background(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{})
			mu.Lock()
			defer mu.Unlock()
			outcomes[archiver.CodeOf(err)]++
		})
	}
	wg.Wait()
	if outcomes[""] != 1 || outcomes[""]+outcomes[archiver.CodeTargetBusy]+outcomes[archiver.CodeTargetExists] != 16 {
		t.Errorf("outcomes %v: one must win, the others see it", outcomes)
	}
	if diff := cmp.Diff(wholePart(t, path), contents(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// Until the restore is whole there is no database, under no name.
func TestNothingOpensBeforeTheEnd(t *testing.T) {
	inner := storagetest.NewMemory()
	path := bigDatabase(t, 4<<20)
	if _, err := newArchive(inner).Backup(t.Context(), path, archiver.BackupOptions{SegmentBytes: archiver.MinSegmentBytes}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	store := storagetest.NewFaulty(inner, func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpGet && segmentKey(key) {
			for name, b := range contents(t, dir) {
				if strings.HasPrefix(b, "GRAF") || !strings.HasPrefix(name, ".") {
					t.Errorf("%s could be taken for a database", name)
				}
			}
		}
		return storagetest.Fault{}
	})
	a := newWith(store, archiver.Options{Concurrency: 1})
	if _, err := a.Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(contents(t, dir))); !slices.Equal(got, []string{"db.grafeo"}) {
		t.Errorf("the folder has %v", got)
	}
}

// What an image does not use is neither read nor stored: earlier checkpoints have
// left it, and nothing proves it.
func TestFreePagesAreLeftOut(t *testing.T) {
	path := copyVector(t, "v0.6.0/reopened")
	before := backup(t, storagetest.NewMemory(), path)
	want := wholePart(t, path)
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := want["db.grafeo"]
	noise := make([]byte, 4096)
	grafeotest.Fill(noise, 1, 0)
	free := 0
	for at := 0; at+4096 <= len(image); at += 4096 {
		if string(image[at:at+4096]) != used[at:at+4096] { // it has something that nothing refers to
			copy(image[at:], noise)
			free++
		}
	}
	if free == 0 {
		t.Fatal("there are no free pages")
	}
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	store := storagetest.NewMemory()
	r := backup(t, store, path)
	if diff := cmp.Diff(want, restore(t, store, 0)); diff != "" {
		t.Error(diff)
	}
	if r.Backup.StoredBytes != before.Backup.StoredBytes {
		t.Errorf("%d bytes were stored, and %d before there was noise", r.Backup.StoredBytes, before.Backup.StoredBytes)
	}
	if r.Backup.RawBytes != int64(len(image))+logBytes(want) {
		t.Errorf("%d bytes were backed up, of an image of %d", r.Backup.RawBytes, len(image))
	}
	mustBeWhole(t, store)
}

func logBytes(files map[string]string) (n int64) {
	for name, content := range files {
		if name != "db.grafeo" {
			n += int64(len(content))
		}
	}
	return n
}
