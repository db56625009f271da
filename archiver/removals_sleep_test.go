package archiver_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// ages is an archive, and what has become of it long after: what was next then is a number
// that was used, removed and deleted, so that it is free again.
type ages struct {
	base, later snapshot
	dir, name   string       // of the database as of base, with a commit that has no backup
	next        manifest.Seq // after the head of base
}

func newAges(t *testing.T) *ages {
	t.Helper()
	m, store := newModel(t), storagetest.NewMemory()
	more := func(n, bytes int) {
		for range n {
			m.commit(bytes)
			backup(t, store, m.path)
		}
	}
	const large = manifest.MaxInlineBytes + 5000
	more(1, 50)
	if _, err := newArchive(store).SetPolicy(t.Context(), &archiver.Rules{Last: 2}); err != nil { // 2
		t.Fatal(err)
	}
	more(32, 50)
	m.commit(50)
	m.checkpointHeld()
	full(t, store, m.path) // 35
	more(1, large)
	more(2, 50)
	a := &ages{base: snapshotOf(t, store), dir: filepath.Join(t.TempDir(), "db"), name: filepath.Base(m.path), next: 39}
	m.commit(large)
	if err := os.CopyFS(a.dir, os.DirFS(filepath.Dir(m.path))); err != nil {
		t.Fatal(err)
	}
	more(26, 50)
	m.commit(50)
	m.checkpointHeld()
	full(t, store, m.path) // 65
	more(1, large)
	more(1, 50)
	mustExpire(t, "the ages", store, archiver.Rules{Last: 2})
	for seq := manifest.Seq(33); seq <= 64; seq++ {
		if store.Objects()[seq.Key()] != nil {
			t.Fatalf("record %d is there", seq)
		}
	}
	a.later = snapshotOf(t, store)
	return a
}

// pass makes the store what it is long after, unless something has been committed to it. What
// nobody but a run that sleeps has put there stays.
func (a *ages) pass(t testing.TB, store *storagetest.Memory) (passed bool) {
	t.Helper()
	if store.Objects()[a.next.Key()] != nil {
		return false
	}
	for key := range a.base.objects {
		if a.later.objects[key] == nil {
			if err := store.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
	}
	for key, b := range a.later.objects {
		if a.base.objects[key] == nil {
			put(t, store, key, string(b))
		}
	}
	return true
}

// sleeper is a run that sleeps in the middle.
type sleeper struct {
	name string
	run  func(ctx context.Context, a *archiver.Archive, path string) (record uint64, err error)
}

func sleepers() []sleeper {
	expiry := func(o archiver.ExpireOptions) func(context.Context, *archiver.Archive, string) (uint64, error) {
		return func(ctx context.Context, a *archiver.Archive, _ string) (uint64, error) {
			r, err := a.Expire(ctx, o)
			return r.Keep, err
		}
	}
	return []sleeper{
		{"a backup", func(ctx context.Context, a *archiver.Archive, path string) (uint64, error) {
			r, err := a.Backup(ctx, path, archiver.BackupOptions{})
			return r.Backup.Seq, err
		}},
		{"a full backup", func(ctx context.Context, a *archiver.Archive, path string) (uint64, error) {
			r, err := a.Backup(ctx, path, archiver.BackupOptions{Full: true})
			return r.Backup.Seq, err
		}},
		{"a session", func(ctx context.Context, a *archiver.Archive, path string) (uint64, error) {
			s := a.Session(path, archiver.SessionOptions{})
			if err := s.Check(ctx); err != nil {
				return 0, err
			}
			r, err := s.Backup(ctx, archiver.SessionBackup{})
			return r.Backup.Seq, err
		}},
		{"an expiry", expiry(archiver.ExpireOptions{Apply: true, Grace: archiver.NoGrace})},
		{"a pin", func(ctx context.Context, a *archiver.Archive, _ string) (uint64, error) {
			r, err := a.Pin(ctx, 38, "")
			return r.Keep, err
		}},
		{"a compaction", func(ctx context.Context, a *archiver.Archive, _ string) (uint64, error) {
			r, err := a.Compact(ctx, archiver.CompactOptions{Min: 2, Tail: 1, Apply: true})
			return r.Keep, err
		}},
	}
}

// sleep is a run on the archive of ages.
type sleep struct {
	*ages
	t     *testing.T
	at    string
	store *storagetest.Memory
	path  string // of the database

	record uint64
	err    error
}

func (a *ages) newSleep(t *testing.T, at string) *sleep {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "db")
	if err := os.CopyFS(dir, os.DirFS(a.dir)); err != nil {
		t.Fatal(err)
	}
	return &sleep{ages: a, t: t, at: at, store: a.base.store(t, time.Hour), path: filepath.Join(dir, a.name)}
}

func (s *sleep) run(by sleeper, hook storagetest.Hook) []storagetest.Call {
	s.t.Helper()
	faulty := storagetest.NewFaulty(s.store, hook)
	a := newWith(faulty, archiver.Options{Concurrency: 1, Host: "sleeper", Tool: "test"}).On(disktest.Unsynced{})
	s.record, s.err = by.run(s.t.Context(), a, s.path)
	return faulty.Calls()
}

// runWithFaults is run for a store that fails, so that the run waits: which takes no time.
func (s *sleep) runWithFaults(by sleeper, hook storagetest.Hook) (calls []storagetest.Call) {
	s.t.Helper()
	outer := s.t
	synctest.Test(outer, func(t *testing.T) {
		s.t = t
		calls = s.run(by, hook)
	})
	s.t = outer
	return calls
}

// sound demands that all living backups have what they need and no others are listed, and
// that a success is in the log.
func (s *sleep) sound() {
	s.t.Helper()
	c := look(s.t, s.store.Objects())
	c.mustHaveAll(s.t, s.at, s.later.objects)
	c.mustBeListed(s.t, s.at, s.store)
	if s.err == nil && s.record != 0 && !c.hasCommitted(s.record) {
		s.t.Fatalf("%s: it was told that it committed %d; the newest keep is %d, and the backups are %v", s.at, s.record, c.keepSeq(), c.backups())
	}
}

// heal demands that nothing else is left after more expiries.
func (s *sleep) heal() {
	s.t.Helper()
	before := s.store.Objects()
	c := mustHeal(s.t, s.at, s.store, archiver.Rules{Last: 2})
	c.mustHaveAll(s.t, s.at, before)
}

// A run sleeps at any of its operations, while others go on: for a moment, in which all that
// it has stored becomes garbage and is deleted, or for ages, after which the number that it
// aims at is free again. When it wakes up, it does no harm, and a success is one.
func TestSleepers(t *testing.T) {
	t.Parallel()
	a := newAges(t)
	meanwhile := map[string]func(t *testing.T, store *storagetest.Memory){
		"a moment": func(t *testing.T, store *storagetest.Memory) {
			mustExpire(t, "meanwhile", store, archiver.Rules{Last: 2})
		},
		"ages": func(t *testing.T, store *storagetest.Memory) {
			a.pass(t, store)
			mustExpire(t, "meanwhile", store, archiver.Rules{Last: 2})
		},
	}
	for _, by := range sleepers() {
		for long, others := range meanwhile {
			t.Run(by.name+", "+long, func(t *testing.T) {
				t.Parallel()
				whole := a.newSleep(t, "undisturbed")
				calls := whole.run(by, nil)
				if whole.err != nil || whole.record < uint64(a.next) {
					t.Fatalf("record %d, %v", whole.record, whole.err)
				}
				woken := 0
				onEachCall(t, calls, func(t *testing.T, k int) {
					s := a.newSleep(t, fmt.Sprintf("asleep before operation %d, %s", k, calls[k-1]))
					mustReach(t, k, s.run(by, func(_ storage.Op, _ string, n int) storagetest.Fault {
						if n == k {
							others(t, s.store)
						}
						return storagetest.Fault{}
					}))
					if s.err != nil && archiver.CodeOf(s.err) != archiver.CodeNoBackup { // of the pin
						t.Fatalf("%s: %v", s.at, s.err)
					}
					if s.record > uint64(a.next) {
						woken++
					}
					s.sound()
					mustBeWhole(t, s.store)
					s.heal()
				})
				t.Logf("%d of %d times it was not the first any more, and committed", woken, len(calls))
			})
		}
	}
}

// A put or a deletion is held back, of a run that goes on or that ends with it, and arrives
// after each of the steps that follow, again and again. It hits nothing that is needed, and
// what it brings is a backup only as long as its number was never used.
func TestZombies(t *testing.T) {
	t.Parallel()
	a := newAges(t)
	steps := []func(t *testing.T, s *sleep){
		func(*testing.T, *sleep) {},
		func(t *testing.T, s *sleep) { a.pass(t, s.store) },
		func(t *testing.T, s *sleep) { mustExpire(t, s.at, s.store, archiver.Rules{Last: 2}) },
		func(t *testing.T, s *sleep) { full(t, s.store, s.path) },
		func(t *testing.T, s *sleep) { mustExpire(t, s.at, s.store, archiver.Rules{Last: 1}) },
	}
	for _, by := range sleepers() {
		t.Run(by.name, func(t *testing.T) {
			t.Parallel()
			calls := a.newSleep(t, "undisturbed").run(by, nil)
			onEachCall(t, calls, func(t *testing.T, k int) {
				if op := calls[k-1].Op; op != storage.OpPut && op != storage.OpDelete {
					return
				}
				for _, ends := range []bool{false, true} {
					for from := range steps {
						s := a.newSleep(t, fmt.Sprintf("operation %d, %s, is held back up to step %d, and the run ends: %v", k, calls[k-1], from, ends))
						var letGo func()
						mustReach(t, k, s.runWithFaults(by, func(_ storage.Op, _ string, n int) storagetest.Fault {
							switch {
							case n == k:
								return storagetest.Fault{Err: errLost, Later: func(f func()) { letGo = f }}
							case n > k && ends:
								return storagetest.Refuses
							}
							return storagetest.Fault{}
						}))
						for i, step := range steps {
							if step(t, s); i >= from {
								letGo()
							}
							s.err, s.record = nil, 0 // what it was told was about then
							s.sound()
						}
						s.heal()
					}
				}
			})
		})
	}
}
