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

// releaseScene is the folder of a database whose log is held by one archive or by two,
// the first of which releases it.
type releaseScene struct {
	t      *testing.T
	dir    string
	stores []*storagetest.Memory
	before map[string]string // what was there before it was held
}

func prepareRelease(t *testing.T, vector string, archives int) *releaseScene {
	t.Helper()
	dir := filepath.Dir(copyVector(t, vector))
	s := &releaseScene{t: t, dir: dir, before: contents(t, dir)}
	for range archives {
		s.stores = append(s.stores, storagetest.NewMemory())
		backup(t, s.stores[len(s.stores)-1], s.path())
	}
	return s
}

func (s *releaseScene) again(t *testing.T) *releaseScene {
	t.Helper()
	fresh := *s
	fresh.t, fresh.dir = t, filepath.Join(t.TempDir(), "db")
	if err := os.CopyFS(fresh.dir, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	return &fresh
}

func (s *releaseScene) path() string { return filepath.Join(s.dir, "tiny.grafeo") }

func (s *releaseScene) run(d disk.Disk) error {
	_, err := newArchive(s.stores[0]).On(d).Release(s.t.Context(), s.path())
	return err
}

// sound reports whether the first archive holds the log no more. Whatever happened, the cursor is whole, the other archive's hold stands, and of the
// database itself nothing has changed.
func (s *releaseScene) sound(at string) bool {
	s.t.Helper()
	r, err := archiver.Holds(s.t.Context(), s.path())
	holds, foreign := r.Holds, r.ForeignCursor
	if err != nil || foreign || len(holds) != len(s.stores) && len(holds) != len(s.stores)-1 {
		s.t.Fatalf("%s: holds %+v, foreign: %v, %v", at, holds, foreign, err)
	}
	now := contents(s.t, s.dir)
	for name, b := range s.before {
		if now[name] != b {
			s.t.Fatalf("%s: %s has changed", at, name)
		}
	}
	return len(holds) < len(s.stores)
}

// next releases again and demands that what is left is right, and nothing else.
func (s *releaseScene) next(at string) {
	s.t.Helper()
	if err := s.run(disktest.Unsynced{}); err != nil {
		s.t.Fatalf("%s, the next run: %v", at, err)
	}
	if !s.sound(at) {
		s.t.Fatalf("%s, the next run has not released it", at)
	}
	if len(s.stores) > 1 {
		if _, err := archiver.ReleaseAll(s.t.Context(), s.path()); err != nil {
			s.t.Fatalf("%s, releasing all: %v", at, err)
		}
	}
	if diff := cmp.Diff(s.before, contents(s.t, s.dir)); diff != "" {
		s.t.Fatalf("%s, released (-before +now)\n%s", at, diff)
	}
	if _, err := os.Stat(s.path() + ".wal"); err == nil && !strings.Contains(fmt.Sprint(s.before), "wal_") {
		s.t.Fatalf("%s: there is a log folder that the database did not have", at)
	}
}

// A release that is killed, loses power or meets a failure at any step.
func TestReleaseStopsAnywhere(t *testing.T) {
	for _, c := range []struct {
		vector   string
		archives int
	}{{"v0.6.0/live", 1}, {"v0.6.0/live", 2}, {"v0.6.0/closed", 1}, {"v0.6.0/closed", 2}} {
		t.Run(fmt.Sprintf("%s, %d", c.vector, c.archives), func(t *testing.T) {
			prepared := prepareRelease(t, c.vector, c.archives)
			whole := prepared.again(t)
			r := disktest.New(t, whole.dir, nil)
			if err := whole.run(r); err != nil || !whole.sound("released") {
				t.Fatal(err)
			}
			steps := r.Steps()
			onEachStep(t, 0, steps, func(t *testing.T, k int) {
				at := fmt.Sprintf("killed after step %d of %q", k, steps)
				s := prepared.again(t)
				if err := s.run(disktest.New(t, s.dir, disktest.StopAt(max(k, 1), k > 0))); !s.sound(at) && err == nil {
					t.Fatalf("%s: a wrong success", at)
				}
				s.next(at)

				s = prepared.again(t)
				err := s.run(disktest.New(t, s.dir, disktest.FailAt(k, syscall.ENOSPC)))
				at = fmt.Sprintf("no space at step %d of %q: %v", k, steps, err)
				if done := s.sound(at); err == nil && !done || err != nil && !errors.Is(err, syscall.ENOSPC) {
					t.Fatal(at)
				}
				s.next(at)

				for seed := range uint64(4) {
					crash := *whole
					crash.t, crash.dir = t, filepath.Join(t.TempDir(), "crash")
					r.Crash(seed, k, crash.dir)
					at := fmt.Sprintf("lost power after step %d of %q, seed %d", k, steps, seed)
					if done := crash.sound(at); k == len(steps) && !done {
						t.Fatalf("%s: it is held again", at)
					}
					crash.next(at)
				}
			})
		})
	}
}

// A release after a backup that was killed when it began to hold the log leaves
// the database as it was.
func TestReleaseAfterAKilledBackup(t *testing.T) {
	for _, vector := range []string{"v0.6.0/live", "v0.6.0/closed"} {
		t.Run(vector, func(t *testing.T) {
			// What cannot be held is backed up all the same.
			backup := func(t *testing.T, plan disktest.Plan) (dir string, before map[string]string, steps []string) {
				t.Helper()
				dir = filepath.Dir(copyVector(t, vector))
				before = contents(t, dir)
				r := disktest.New(t, dir, plan)
				_, err := newArchive(storagetest.NewMemory()).On(r).WithoutRaces().Backup(t.Context(), filepath.Join(dir, "tiny.grafeo"), archiver.BackupOptions{})
				if err != nil {
					t.Fatal(err)
				}
				return dir, before, r.Steps()
			}
			_, _, steps := backup(t, nil)
			onEachStep(t, 1, steps, func(t *testing.T, k int) {
				dir, before, steps := backup(t, disktest.StopAt(k, true))
				mustReach(t, k, steps)
				if _, err := archiver.ReleaseAll(t.Context(), filepath.Join(dir, "tiny.grafeo")); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
					t.Fatalf("killed after step %d of %q, released (-before +now)\n%s", k, steps, diff)
				}
				if len(entries(t, dir)) != len(entriesBefore(before)) {
					t.Fatalf("killed after step %d of %q, released: there is %q", k, steps, entries(t, dir))
				}
			})
		})
	}
}

// entriesBefore returns the first elements of paths.
func entriesBefore(files map[string]string) map[string]bool {
	all := map[string]bool{}
	for name := range files {
		first, _, _ := strings.Cut(filepath.ToSlash(name), "/")
		all[first] = true
	}
	return all
}
