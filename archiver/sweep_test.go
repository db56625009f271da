package archiver_test

import (
	"fmt"
	"maps"
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

// swept is a backup that is stopped at each of its operations: what there is
// before it, and how it is made.
type swept struct {
	prepare func(t *testing.T, store *storagetest.Memory) (path string)
	opts    archiver.BackupOptions
	kind    string
}

var sweptBackups = map[string]swept{
	"first": {
		prepare: func(t *testing.T, _ *storagetest.Memory) string {
			m := newModel(t)
			m.commit(3000)
			return m.path
		},
		kind: "full",
	},
	"first, of several segments": {
		prepare: func(t *testing.T, _ *storagetest.Memory) string {
			path := bigDatabase(t, 5<<20)
			withLog(t, path, 3)
			return path
		},
		opts: archiver.BackupOptions{SegmentBytes: 1 << 20},
		kind: "full",
	},
	"full": {
		prepare: func(t *testing.T, store *storagetest.Memory) string {
			m := newModel(t)
			for range 3 {
				m.commit(500)
				backup(t, store, m.path)
			}
			m.commit(100)
			m.checkpointHeld()
			m.commit(100)
			return m.path
		},
		opts: archiver.BackupOptions{Full: true},
		kind: "full",
	},
	"full, that refers to an earlier one": {
		prepare: func(t *testing.T, store *storagetest.Memory) string {
			im := newPagedImage(t, 600)
			im.fullOf(t, store, false)
			im.change(20, 5, 50)
			im.write(t)
			return im.path
		},
		opts: archiver.BackupOptions{Full: true, SegmentBytes: 1 << 20},
		kind: "full",
	},
	"incremental": {
		prepare: func(t *testing.T, store *storagetest.Memory) string {
			m := newModel(t)
			for range 3 {
				m.commit(500)
				backup(t, store, m.path)
			}
			m.commit(100)
			return m.path
		},
		kind: "incremental",
	},
	"after a fork": {
		prepare: func(t *testing.T, store *storagetest.Memory) string {
			m := newModel(t)
			m.commit(500)
			past := m.save()
			backup(t, store, m.path)
			m.commit(600)
			backup(t, store, m.path)
			m.check(os.RemoveAll(m.path + ".wal"))
			m = m.putBack(past, true)
			m.all, m.epoch = nil, 0
			m.reopen()
			for range 3 {
				m.commit(70)
			}
			return m.path
		},
		kind: "full",
	},
}

// Whatever operation of a backup is the last one, before it or right after it:
// the head is the old one or the new one, as the run says if it knows; every
// earlier backup restores byte for byte; and the next run works by itself.
func TestBackupStopsAnywhere(t *testing.T) {
	for name, s := range sweptBackups {
		for _, silent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, silent %v", name, silent), func(t *testing.T) {
				t.Parallel()
				for k := 1; ; k++ {
					before := s.stops(t, silent, k, false)
					after := s.stops(t, silent, k, true)
					if before != after {
						t.Fatalf("operation %d is there once: %v, %v", k, before, after)
					}
					if !before {
						if k < 5 {
							t.Errorf("it has %d operations only", k-1)
						}
						return
					}
				}
			})
		}
	}
}

// stops runs the backup on a store that stops at operation k, and whose answers to
// puts show something or not, and tells whether it came that far.
func (s swept) stops(t *testing.T, silent bool, k int, applied bool) (stopped bool) {
	t.Helper()
	inner := storagetest.NewMemory()
	path := s.prepare(t, inner)
	stored := maps.Clone(inner.Objects())
	old := states(t, inner)
	at := fmt.Sprintf("stopped at operation %d, applied: %v", k, applied)

	var store storage.Storage = inner
	if silent {
		store = storagetest.Silent{Storage: inner}
	}
	faulty := storagetest.NewFaulty(store, storagetest.StopAt(k, applied, storagetest.Refuses))
	var err error
	synctest.Test(t, func(t *testing.T) {
		_, err = archiver.New(faulty, archiver.Options{Concurrency: 1, Host: "test", Tool: "test"}).WithoutRaces().Backup(t.Context(), path, s.opts)
	})
	_, committed := inner.Objects()[manifest.Seq(len(old)+1).Key()]
	calls := len(faulty.Calls())
	switch {
	case calls < k:
		if err != nil || !committed {
			t.Fatalf("%s: it was not, and got %v, committed: %v", at, err, committed)
		}
		return false
	case err == nil:
		if !committed || !applied || calls > k {
			t.Fatalf("%s: a wrong success", at)
		}
	case archiver.CodeOf(err) != archiver.CodeUnknownOutcome && committed:
		t.Fatalf("%s: committed, and says %v", at, err)
	}
	for key, b := range stored {
		if string(inner.Objects()[key]) != string(b) {
			t.Fatalf("%s: %s has changed", at, key)
		}
	}
	if diff := cmp.Diff(old, states(t, inner)[:len(old)], cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%s: an earlier backup has changed (-want +got)\n%s", at, diff)
	}
	if len(inner.Objects()) > 0 && len(old) > 0 {
		mustBeWhole(t, inner)
	}

	r, err := newArchive(inner).Backup(t.Context(), path, s.opts)
	if err != nil {
		t.Fatalf("%s, the next run: %v", at, err)
	}
	if committed && !s.opts.Full && r.Backup.Kind != archiver.KindNone || !committed && (r.Backup.Kind != s.kind || int(r.Backup.Seq) != len(old)+1) {
		t.Fatalf("%s, committed: %v; the next run: %+v", at, committed, r)
	}
	mustBeWhole(t, inner)
	restoresLike(t, inner, path)
	return true
}

// states gives what each backup restores to.
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
	for name, target := range map[string]archiver.Target{"newest": {}, "epoch": {Epoch: &two}, "backup": {Backup: 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := storagetest.NewMemory()
			m := newModel(t)
			for range 3 {
				m.commit(500)
				backup(t, inner, m.path)
			}
			opts := archiver.RestoreOptions{Target: target}
			whole := t.TempDir()
			if _, err := newArchive(inner).Restore(t.Context(), filepath.Join(whole, "db.grafeo"), opts); err != nil {
				t.Fatal(err)
			}
			want := contents(t, whole)
			for k := 1; ; k++ {
				dir := t.TempDir()
				path := filepath.Join(dir, "db.grafeo")
				faulty := storagetest.NewFaulty(inner, storagetest.StopAt(k, false, storagetest.Refuses))
				var err error
				synctest.Test(t, func(t *testing.T) {
					_, err = newArchive(faulty).Restore(t.Context(), path, opts)
				})
				if len(faulty.Calls()) < k {
					if err != nil || k < 5 {
						t.Fatalf("%d operations, %v", k-1, err)
					}
					return
				}
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
			}
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
	for k := 1; ; k++ {
		faulty := storagetest.NewFaulty(inner, storagetest.StopAt(k, false, storagetest.Refuses))
		var err error
		synctest.Test(t, func(t *testing.T) {
			_, err = newArchive(faulty).Verify(t.Context(), archiver.VerifyOptions{Deep: true})
		})
		if len(faulty.Calls()) < k {
			return
		}
		if err == nil {
			t.Fatalf("stopped at operation %d: no error", k)
		}
	}
}

// Whatever operation of an examination is the last one: it says that it is not
// safe there, the archive is as it was, and the next backup works.
func TestDoctorStopsAnywhere(t *testing.T) {
	m := newModel(t)
	inner := storagetest.NewMemory()
	m.commit(500)
	backup(t, inner, m.path)
	before := inner.Objects()
	for k := 1; ; k++ {
		for _, applied := range []bool{false, true} {
			faulty := storagetest.NewFaulty(inner, storagetest.StopAt(k, applied, storagetest.Refuses))
			var r archiver.DoctorReport
			var err error
			synctest.Test(t, func(t *testing.T) {
				r, err = archiver.New(faulty, archiver.Options{}).WithoutRaces().Doctor(t.Context())
			})
			if err != nil {
				t.Fatalf("stopped at operation %d: %v", k, err)
			}
			// Deleting what it has put is the last that it does: that may fail.
			if stopped := len(faulty.Calls()) >= k; stopped && faulty.Calls()[k-1].Op != storage.OpDelete && r.Problem() == nil {
				t.Fatalf("stopped at operation %d, %s: it finds no problem: %+v", k, faulty.Calls()[k-1], r.Checks)
			} else if !stopped {
				if k < 15 {
					t.Errorf("it has %d operations only", k-1)
				}
				m.commit(10)
				backup(t, inner, m.path)
				mustBeWhole(t, inner)
				return
			}
			for key, b := range before {
				if string(inner.Objects()[key]) != string(b) {
					t.Fatalf("stopped at operation %d: %s has changed", k, key)
				}
			}
		}
	}
}
