package archiver_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Whatever operation of a backup is the last one, before it or right after it:
// the head is the old one or the new one, as the run says if it knows; every
// earlier backup restores byte for byte; and the next run works by itself.
func TestBackupStopsAnywhere(t *testing.T) {
	for name, c := range backupCases {
		for _, silent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, silent %v", name, silent), func(t *testing.T) {
				t.Parallel()
				prepared := newStoreScene(t, c, silent)
				calls, err := prepared.again(t).run(nil)
				if err != nil || len(calls) < 4 {
					t.Fatalf("%d operations, %v", len(calls), err)
				}
				onEachCall(t, calls, func(t *testing.T, k int) {
					for _, applied := range []bool{false, true} {
						prepared.again(t).stops(k, applied)
					}
				})
			})
		}
	}
}

// storeScene is a database, and an archive in memory, to which a backup is stopped.
type storeScene struct {
	backupCase
	t      *testing.T
	silent bool // the store's answers to puts show nothing
	dir    string
	name   string
	store  *storagetest.Memory
	old    []map[string]string // what the backups before restore to
}

func newStoreScene(t *testing.T, c backupCase, silent bool) *storeScene {
	t.Helper()
	store := storagetest.NewMemory()
	path := c.before(t, store)
	return &storeScene{c, t, silent, filepath.Dir(path), filepath.Base(path), store, states(t, store)}
}

// again returns a copy in which nothing has happened yet.
func (s *storeScene) again(t *testing.T) *storeScene {
	t.Helper()
	fresh := *s
	fresh.t, fresh.dir, fresh.store = t, filepath.Join(t.TempDir(), "db"), refill(t, s.store.Objects())
	if err := os.CopyFS(fresh.dir, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	return &fresh
}

func (s *storeScene) path() string { return filepath.Join(s.dir, s.name) }

// run makes the backup on a store that does to calls what the hook says, and returns
// the calls.
func (s *storeScene) run(hook storagetest.Hook) (calls []storagetest.Call, err error) {
	s.t.Helper()
	var store storage.Storage = s.store
	if s.silent {
		store = storagetest.Silent{Storage: store}
	}
	faulty := storagetest.NewFaulty(store, hook)
	a := newWith(faulty, archiver.Options{Concurrency: 1, Host: "test", Tool: "test"}).WithoutRaces()
	synctest.Test(s.t, func(t *testing.T) { _, err = a.Backup(t.Context(), s.path(), s.opts) })
	return faulty.Calls(), err
}

// stops runs the backup on a store that stops at operation k.
func (s *storeScene) stops(k int, applied bool) {
	s.t.Helper()
	stored := s.store.Objects()
	at := fmt.Sprintf("stopped at operation %d, applied: %v", k, applied)
	calls, err := s.run(storagetest.StopAt(k, applied, storagetest.Refuses))
	mustReach(s.t, k, calls)
	_, committed := s.store.Objects()[manifest.Seq(len(s.old)+1).Key()]
	switch {
	case err == nil && (!committed || !applied || len(calls) > k):
		s.t.Fatalf("%s: a wrong success", at)
	case err != nil && archiver.CodeOf(err) != archiver.CodeUnknownOutcome && committed:
		s.t.Fatalf("%s: committed, and says %v", at, err)
	}
	s.sound(at, stored)
	s.next(at, committed)
}

// sound demands that what was there is there byte for byte, that every earlier backup
// restores as before, and that a deep verification finds nothing.
func (s *storeScene) sound(at string, stored map[string][]byte) {
	s.t.Helper()
	now := s.store.Objects()
	for key, b := range stored {
		if !bytes.Equal(now[key], b) {
			s.t.Fatalf("%s: %s has changed", at, key)
		}
	}
	if diff := cmp.Diff(s.old, states(s.t, s.store)[:len(s.old)], cmpopts.EquateEmpty()); diff != "" {
		s.t.Fatalf("%s: an earlier backup has changed (-want +got)\n%s", at, diff)
	}
	if len(now) > 0 && len(s.old) > 0 {
		mustBeWhole(s.t, s.store)
	}
}

// next runs the backup again, by itself, and demands that it is right.
func (s *storeScene) next(at string, committed bool) {
	s.t.Helper()
	r, err := newArchive(s.store).Backup(s.t.Context(), s.path(), s.opts)
	if err != nil {
		s.t.Fatalf("%s, the next run: %v", at, err)
	}
	if committed && !s.opts.Full && r.Backup.Kind != archiver.KindNone || !committed && (r.Backup.Kind != s.kind || int(r.Backup.Seq) != len(s.old)+1) {
		s.t.Fatalf("%s, committed: %v; the next run: %+v", at, committed, r)
	}
	mustBeWhole(s.t, s.store)
	restoresLike(s.t, s.store, s.path())
}

// states returns what each backup restores to.
func states(t *testing.T, store *storagetest.Memory) []map[string]string {
	t.Helper()
	var all []map[string]string
	for seq := manifest.Seq(1); store.Objects()[seq.Key()] != nil; seq++ {
		all = append(all, restore(t, store, uint64(seq)))
	}
	return all
}

// restoresLike demands that the newest state is that of the database at path.
func restoresLike(t *testing.T, store *storagetest.Memory, path string) {
	t.Helper()
	restored := filepath.Join(t.TempDir(), "db.grafeo")
	if _, err := newArchive(store).Restore(t.Context(), restored, archiver.RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	wantEpoch, wantFrom, want := opened(t, path)
	epoch, from, log := opened(t, restored)
	if epoch != wantEpoch || from+uint64(len(log)) != wantFrom+uint64(len(want)) || from > wantFrom || log[wantFrom-from:] != want {
		t.Fatalf("restored: epoch %d, log %d+%d; the database: epoch %d, log %d+%d", epoch, from, len(log), wantEpoch, wantFrom, len(want))
	}
}

// Whatever operation of a restore is the last one: the target is absent, or
// whole; and the next run works by itself and leaves nothing else behind.
func TestRestoreStopsAnywhere(t *testing.T) {
	two := uint64(2)
	for name, target := range map[string]archiver.Target{"newest": {}, "epoch": archiver.AtEpoch(two), "backup": archiver.AtBackup(1)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := storagetest.NewMemory()
			m := newModel(t)
			for range 3 {
				m.commit(500)
				backup(t, inner, m.path)
			}
			opts := archiver.RestoreOptions{Target: target}
			dir := t.TempDir()
			whole := storagetest.NewFaulty(inner, nil)
			if _, err := newArchive(whole).Restore(t.Context(), filepath.Join(dir, "db.grafeo"), opts); err != nil || len(whole.Calls()) < 5 {
				t.Fatalf("%d operations, %v", len(whole.Calls()), err)
			}
			want := contents(t, dir)
			onEachCall(t, whole.Calls(), func(t *testing.T, k int) {
				dir := t.TempDir()
				path := filepath.Join(dir, "db.grafeo")
				faulty := storagetest.NewFaulty(inner, storagetest.StopAt(k, false, storagetest.Refuses))
				var err error
				synctest.Test(t, func(t *testing.T) {
					_, err = newArchive(faulty).Restore(t.Context(), path, opts)
				})
				mustReach(t, k, faulty.Calls())
				if err == nil {
					t.Fatalf("stopped at operation %d: a wrong success", k)
				}
				if _, err := os.Lstat(path); !os.IsNotExist(err) {
					t.Fatalf("stopped at operation %d: there is a target: %v", k, err)
				}
				if _, err := newArchive(inner).Restore(t.Context(), path, opts); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, contents(t, dir)); diff != "" {
					t.Fatalf("stopped at operation %d, and restored again (-want +got)\n%s", k, diff)
				}
			})
		})
	}
}

// A verification that cannot read everything does not say that all is well.
func TestVerifyStopsAnywhere(t *testing.T) {
	inner := storagetest.NewMemory()
	m := newModel(t)
	for range 2 {
		m.commit(500)
		backup(t, inner, m.path)
	}
	whole := storagetest.NewFaulty(inner, nil)
	mustBeWhole(t, whole)
	onEachCall(t, whole.Calls(), func(t *testing.T, k int) {
		faulty := storagetest.NewFaulty(inner, storagetest.StopAt(k, false, storagetest.Refuses))
		var err error
		synctest.Test(t, func(t *testing.T) {
			_, err = newArchive(faulty).Verify(t.Context(), archiver.VerifyOptions{Deep: true})
		})
		mustReach(t, k, faulty.Calls())
		if err == nil {
			t.Fatalf("stopped at operation %d: no error", k)
		}
	})
}

// Whatever operation of an examination is the last one: it says that it is not
// safe there, the archive is as it was, and the next backup works.
func TestDoctorStopsAnywhere(t *testing.T) {
	m := newModel(t)
	inner := storagetest.NewMemory()
	m.commit(500)
	backup(t, inner, m.path)
	before := inner.Objects()
	examine := func(t *testing.T, hook storagetest.Hook) (r archiver.DoctorReport, calls []storagetest.Call) {
		faulty := storagetest.NewFaulty(inner, hook)
		synctest.Test(t, func(t *testing.T) {
			var err error
			if r, err = newWith(faulty, archiver.Options{}).WithoutRaces().Doctor(t.Context(), archiver.DoctorOptions{}); err != nil {
				t.Fatal(err)
			}
		})
		return r, faulty.Calls()
	}
	r, calls := examine(t, nil)
	if p := r.Problem(); p != nil || len(calls) < 15 {
		t.Fatalf("%d operations, %v", len(calls), p)
	}
	onEachCall(t, calls, func(t *testing.T, k int) {
		for _, applied := range []bool{false, true} {
			r, calls := examine(t, storagetest.StopAt(k, applied, storagetest.Refuses))
			mustReach(t, k, calls)
			// Deleting what it has put is the last that it does: that may fail.
			if calls[k-1].Op != storage.OpDelete && r.Problem() == nil {
				t.Fatalf("stopped at operation %d, %s: it finds no problem: %+v", k, calls[k-1], r.Checks)
			}
			for key, b := range before {
				if !bytes.Equal(inner.Objects()[key], b) {
					t.Fatalf("stopped at operation %d: %s has changed", k, key)
				}
			}
		}
	})
	m.commit(10)
	backup(t, inner, m.path)
	mustBeWhole(t, inner)
}
