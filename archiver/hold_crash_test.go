package archiver_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// held is a database whose log is held by one archive or by two, which releases it.
type held struct {
	t      *testing.T
	dir    string
	stores []*storagetest.Memory
	before map[string]string // what was there before it was held
}

func hold(t *testing.T, vector string, archives int) *held {
	t.Helper()
	dir := filepath.Dir(copyVector(t, vector))
	h := &held{t: t, dir: dir, before: contents(t, dir)}
	for range archives {
		h.stores = append(h.stores, storagetest.NewMemory())
		backup(t, h.stores[len(h.stores)-1], h.path())
	}
	return h
}

func (h *held) again() *held {
	h.t.Helper()
	fresh := *h
	fresh.dir = filepath.Join(h.t.TempDir(), "db")
	if err := os.CopyFS(fresh.dir, os.DirFS(h.dir)); err != nil {
		h.t.Fatal(err)
	}
	return &fresh
}

func (h *held) path() string { return filepath.Join(h.dir, "tiny.grafeo") }

func (h *held) release(d disk.Disk) error {
	_, err := newArchive(h.stores[0]).On(d).Release(h.t.Context(), h.path())
	return err
}

// released tells whether the first archive holds the log no more. Whatever
// happened, the cursor is whole, the other archive's hold stands, and of the
// database itself nothing has changed.
func (h *held) released(at string) bool {
	h.t.Helper()
	r, err := archiver.Holds(h.t.Context(), h.path())
	holds, foreign := r.Holds, r.ForeignCursor
	if err != nil || foreign || len(holds) != len(h.stores) && len(holds) != len(h.stores)-1 {
		h.t.Fatalf("%s: holds %+v, foreign: %v, %v", at, holds, foreign, err)
	}
	now := contents(h.t, h.dir)
	for name, b := range h.before {
		if now[name] != b {
			h.t.Fatalf("%s: %s has changed", at, name)
		}
	}
	return len(holds) < len(h.stores)
}

// next releases again and demands that what is left is right, and nothing else.
func (h *held) next(at string) {
	h.t.Helper()
	if err := h.release(disktest.Unsynced{}); err != nil {
		h.t.Fatalf("%s, the next run: %v", at, err)
	}
	if !h.released(at) {
		h.t.Fatalf("%s, the next run has not released it", at)
	}
	if len(h.stores) > 1 {
		if _, err := archiver.ReleaseAll(h.t.Context(), h.path()); err != nil {
			h.t.Fatalf("%s, releasing all: %v", at, err)
		}
	}
	if diff := cmp.Diff(h.before, contents(h.t, h.dir)); diff != "" {
		h.t.Fatalf("%s, released (-before +now)\n%s", at, diff)
	}
	if _, err := os.Stat(h.path() + ".wal"); err == nil && !strings.Contains(fmt.Sprint(h.before), "wal_") {
		h.t.Fatalf("%s: there is a log folder that the database did not have", at)
	}
}

// A release that is killed, loses power or meets a failure at any step.
func TestReleaseStopsAnywhere(t *testing.T) {
	for _, c := range []struct {
		vector   string
		archives int
	}{{"v0.6.0/live", 1}, {"v0.6.0/live", 2}, {"v0.6.0/closed", 1}, {"v0.6.0/closed", 2}} {
		t.Run(fmt.Sprintf("%s, %d", c.vector, c.archives), func(t *testing.T) {
			prepared := hold(t, c.vector, c.archives)
			h := prepared.again()
			whole := disktest.New(t, h.dir, nil)
			if err := h.release(whole); err != nil || !h.released("released") {
				t.Fatal(err)
			}
			steps := whole.Steps()
			for k := range len(steps) + 1 {
				killed := prepared.again()
				if err := killed.release(disktest.New(t, killed.dir, disktest.StopAt(max(k, 1), k > 0))); err == nil && !killed.released("killed") {
					t.Fatalf("killed after step %d of %q: a wrong success", k, steps)
				}
				killed.released(fmt.Sprintf("killed after step %d of %q", k, steps))
				killed.next(fmt.Sprintf("killed after step %d of %q", k, steps))

				failed := prepared.again()
				err := failed.release(disktest.New(t, failed.dir, disktest.FailAt(k, syscall.ENOSPC)))
				at := fmt.Sprintf("no space at step %d of %q: %v", k, steps, err)
				if done := failed.released(at); err == nil && !done || err != nil && !errors.Is(err, syscall.ENOSPC) {
					t.Fatal(at)
				}
				failed.next(at)

				for seed := range uint64(4) {
					crash := *h
					crash.dir = filepath.Join(t.TempDir(), "crash")
					whole.Crash(seed, k, crash.dir)
					at := fmt.Sprintf("lost power after step %d of %q, seed %d", k, steps, seed)
					if done := crash.released(at); k == len(steps) && !done {
						t.Fatalf("%s: it is held again", at)
					}
					crash.next(at)
				}
			}
		})
	}
}

// A release after a backup that was killed when it began to hold the log leaves
// the database as it was.
func TestReleaseAfterAKilledBackup(t *testing.T) {
	for _, vector := range []string{"v0.6.0/live", "v0.6.0/closed"} {
		for k := 1; ; k++ {
			dir := filepath.Dir(copyVector(t, vector))
			before := contents(t, dir)
			path := filepath.Join(dir, "tiny.grafeo")
			r := disktest.New(t, dir, disktest.StopAt(k, true))
			_, err := newArchive(storagetest.NewMemory()).On(r).WithoutRaces().Backup(t.Context(), path, archiver.BackupOptions{})
			if err != nil { // what cannot be held is backed up all the same
				t.Fatal(err)
			}
			if len(r.Steps()) < k {
				break
			}
			if _, err := archiver.ReleaseAll(t.Context(), path); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
				t.Fatalf("killed after step %d of %q, released (-before +now)\n%s", k, r.Steps(), diff)
			}
			if len(entries(t, dir)) != len(entriesBefore(before)) {
				t.Fatalf("killed after step %d of %q, released: there is %q", k, r.Steps(), entries(t, dir))
			}
		}
	}
}

// entriesBefore gives the first elements of paths.
func entriesBefore(files map[string]string) map[string]bool {
	all := map[string]bool{}
	for name := range files {
		first, _, _ := strings.Cut(filepath.ToSlash(name), "/")
		all[first] = true
	}
	return all
}
