package archiver_test

import (
	"maps"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Whatever step of an export is the last one, by a kill or a loss of power: the
// folder is absent or whole, an export that was reported stays, and the next one
// works by itself and leaves nothing else.
func TestExportIsKilledAnywhere(t *testing.T) {
	store := storagetest.NewMemory()
	m := newModel(t)
	for range 3 {
		m.commit(300)
		backup(t, store, m.path)
	}
	export := func(d disk.Disk, dir string) error {
		_, err := newWith(store, archiver.Options{Concurrency: 1}).On(d).Export(t.Context(), filepath.Join(dir, "native"), archiver.ExportOptions{})
		return err
	}
	whole := t.TempDir()
	if err := export(disktest.Unsynced{}, whole); err != nil {
		t.Fatal(err)
	}
	want := contents(t, whole)
	check := func(at, dir string, must bool) {
		t.Helper()
		got := contents(t, dir)
		maps.DeleteFunc(got, func(name, _ string) bool { return filepath.Dir(name) != "native" })
		there := len(got) > 0
		if there && !maps.Equal(got, want) {
			t.Fatalf("%s: a part of it is there (-want +got)\n%s", at, cmp.Diff(want, got))
		}
		if must && !there {
			t.Fatalf("%s: an export that was reported is lost", at)
		}
		if err := export(disktest.Unsynced{}, dir); there != (archiver.CodeOf(err) == archiver.CodeTargetExists) || !there && err != nil {
			t.Fatalf("%s, and again: %v", at, err)
		}
		got = contents(t, dir)
		if there {
			maps.DeleteFunc(got, func(name, _ string) bool { return filepath.Dir(name) != "native" })
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s, and again (-want +got)\n%s", at, diff)
		}
	}
	dir := t.TempDir()
	r := disktest.New(t, dir, nil)
	if err := export(r, dir); err != nil || len(r.Steps()) < 10 {
		t.Fatalf("%d steps, %v", len(r.Steps()), err)
	}
	onEachStep(t, 1, r.Steps(), func(t *testing.T, k int) {
		for _, applied := range []bool{false, true} {
			dir := t.TempDir()
			r := disktest.New(t, dir, disktest.StopAt(k, applied))
			err := export(r, dir)
			mustReach(t, k, r.Steps())
			check(r.Steps()[k-1], dir, err == nil)
		}
	})
	r.Crashes(func(at, dir string, end bool) { check(at, dir, end) })
}
