package archiver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// What is there before the compaction that is to be stopped.
var compactCases = map[string]func(t *testing.T, store *storagetest.Memory){
	"of small ones": func(t *testing.T, store *storagetest.Memory) { increments(t, store, 6) },
	"of objects, in an archive with a keep": func(t *testing.T, store *storagetest.Memory) {
		m := increments(t, store, 2)
		if _, err := newArchive(store).Pin(t.Context(), 2, ""); err != nil {
			t.Fatal(err)
		}
		for range 4 {
			m.commit(70_000)
			backup(t, store, m.path)
		}
	},
	"of 0.5, in two series": func(t *testing.T, store *storagetest.Memory) {
		d := newDatabase05(t, true)
		for n := range 8 {
			d.write(fmt.Sprint(n), n == 4)
			backup(t, store, d.path)
		}
	},
	"of what was merged, and of what waits for its keep": func(t *testing.T, store *storagetest.Memory) {
		m := increments(t, store, 4)
		compactAll(t, store)
		for range 6 {
			m.commit(300)
			backup(t, store, m.path)
		}
		stopBeforeKeep(t, store)
		for range 6 {
			m.commit(300)
			backup(t, store, m.path)
		}
	},
}

// stopBeforeKeep runs a compaction that is killed when it has merged, and before its keep.
func stopBeforeKeep(t testing.TB, store *storagetest.Memory) {
	t.Helper()
	merged := 0
	faulty := storagetest.NewFaulty(store, func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpPut && strings.HasPrefix(key, manifest.ManifestPrefix) {
			merged++
		}
		if merged > 1 {
			return storagetest.Fault{Err: storage.ErrPermission}
		}
		return storagetest.Fault{}
	})
	_, err := newArchive(faulty).Compact(t.Context(), archiver.CompactOptions{Min: 2, Tail: 1, Apply: true})
	mustFail(t, err, archiver.CodePermission)
}

// Whatever operation of a compaction fails, or is the last one, before it or right after it:
// every epoch restores to the same bytes, the archive is whole, and the next compaction
// finishes it.
func TestCompactStopsAnywhere(t *testing.T) {
	for name, prepare := range compactCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prepared := storagetest.NewMemory()
			prepare(t, prepared)
			states := epochStates(t, prepared)
			undisturbed := refill(t, prepared.Objects())
			calls, err := compactOn(t, undisturbed, nil)
			if err != nil || len(calls) < 6 {
				t.Fatalf("%d operations, %v", len(calls), err)
			}
			want := numbers(t, undisturbed)
			onEachCall(t, calls, func(t *testing.T, k int) {
				for _, applied := range []bool{false, true} {
					once := func(_ storage.Op, _ string, n int) storagetest.Fault {
						if n == k {
							return storagetest.Fault{Err: errors.New("once"), Apply: applied}
						}
						return storagetest.Fault{}
					}
					for kind, hook := range map[string]storagetest.Hook{"stopped": storagetest.StopAt(k, applied, storagetest.Refuses), "failed": once} {
						at := fmt.Sprintf("%s at operation %d, applied: %v", kind, k, applied)
						store := refill(t, prepared.Objects())
						_, err := compactOn(t, store, hook)
						if err == nil && !slices.Equal(numbers(t, store), want) {
							t.Fatalf("%s: a wrong success", at)
						}
						sameStates(t, at, states, store)
						mustBeWhole(t, store)
						compactAll(t, store)
						if got := numbers(t, store); !slices.Equal(got, want) {
							t.Fatalf("%s: after the next one, the backups are %v, and should be %v", at, got, want)
						}
						sameStates(t, at+", and again", states, store)
						mustBeWhole(t, store)
					}
				}
			})
		})
	}
}

// compactOn compacts on a store that does to calls what the hook says.
func compactOn(t *testing.T, store storage.Storage, hook storagetest.Hook) (calls []storagetest.Call, err error) {
	t.Helper()
	faulty := storagetest.NewFaulty(store, hook)
	a := newWith(faulty, archiver.Options{Concurrency: 1, Host: "test", Tool: "test"})
	synctest.Test(t, func(t *testing.T) {
		_, err = a.Compact(t.Context(), archiver.CompactOptions{Min: 2, Tail: 1, Apply: true})
	})
	return faulty.Calls(), err
}

// What happens to the parts between the merging and its keep decides: if one is pinned or
// removed, what was merged is dropped; another backup, another compaction and another keep
// do no harm.
func TestCompactMeetsOthers(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(t *testing.T, store storage.Storage, m *model)
		numbers   []uint64
		dropped   int
	}{
		"a backup": {
			meanwhile: func(t *testing.T, store storage.Storage, m *model) { m.commit(50); backup(t, store, m.path) },
			numbers:   []uint64{1, 7, 8, 10},
		},
		"a pinned part": {
			meanwhile: func(t *testing.T, store storage.Storage, _ *model) {
				if _, err := newArchive(store).Pin(t.Context(), 4, ""); err != nil {
					t.Error(err)
				}
			},
			numbers: []uint64{1, 2, 3, 4, 5, 6, 7, 8}, dropped: 1,
		},
		"the last part is pinned": {
			meanwhile: func(t *testing.T, store storage.Storage, _ *model) {
				if _, err := newArchive(store).Pin(t.Context(), 7, ""); err != nil {
					t.Error(err)
				}
			},
			numbers: []uint64{1, 7, 8},
		},
		"a policy": {
			meanwhile: func(t *testing.T, store storage.Storage, _ *model) {
				if _, err := newArchive(store).SetPolicy(t.Context(), &archiver.Rules{Last: 3}); err != nil {
					t.Error(err)
				}
			},
			numbers: []uint64{1, 7, 8},
		},
		"another compaction": {
			meanwhile: func(t *testing.T, store storage.Storage, _ *model) { compactAll(t, store) },
			numbers:   []uint64{1, 7, 8},
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := storagetest.NewMemory()
			m := increments(t, store, 7)
			puts := 0
			faulty := storagetest.NewFaulty(store, func(op storage.Op, key string, _ int) (f storagetest.Fault) {
				if op == storage.OpPut && strings.HasPrefix(key, manifest.ManifestPrefix) {
					if puts++; puts == 2 { // the first one is of the merged record
						f.Wait = func(context.Context) error { c.meanwhile(t, store, m); return nil }
					}
				}
				return f
			})
			r, err := newArchive(faulty).Compact(t.Context(), archiver.CompactOptions{Min: 2, Tail: 1, Apply: true})
			if err != nil || r.Dropped != c.dropped {
				t.Errorf("%+v, %v", r, err)
			}
			if got := numbers(t, store); !slices.Equal(got, c.numbers) {
				t.Errorf("the backups are %v, and should be %v", got, c.numbers)
			}
			for epoch := uint64(1); epoch <= m.epoch; epoch++ {
				m.restoresTo(store, archiver.AtEpoch(epoch), epoch)
			}
			mustBeWhole(t, store)
		})
	}
}

// A backup that wins the race against a merged record only moves that to the next number:
// nothing is read again.
func TestCompactIsPlacedAgain(t *testing.T) {
	store := storagetest.NewMemory()
	m := increments(t, store, 7)
	var mu sync.Mutex // parts are read side by side
	others, gets := 0, map[string]int{}
	faulty := storagetest.NewFaulty(store, func(op storage.Op, key string, _ int) (f storagetest.Fault) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case op == storage.OpGet:
			gets[key]++
		case op == storage.OpPut && strings.HasPrefix(key, manifest.ManifestPrefix) && others < 3:
			others++
			f.Wait = func(context.Context) error { m.commit(50); backup(t, store, m.path); return nil }
		}
		return f
	})
	r, err := newArchive(faulty).Compact(t.Context(), archiver.CompactOptions{Min: 2, Tail: 1, Apply: true})
	if err != nil || len(r.Merged) != 1 || r.Merged[0].By != 12 {
		t.Fatalf("%+v, %v", r, err)
	}
	if n := gets[manifest.Seq(3).Key()]; n > 2 {
		t.Errorf("a part was read %d times", n)
	}
	for epoch := uint64(1); epoch <= m.epoch; epoch++ {
		m.restoresTo(store, archiver.AtEpoch(epoch), epoch)
	}
	mustBeWhole(t, store)
}

// Backups, compactions and pins at the same time: nobody is told wrongly, and every epoch
// restores exactly.
func TestCompactBesideOthers(t *testing.T) {
	store := storagetest.NewMemory()
	m := increments(t, store, 4)
	var done atomic.Bool
	var others sync.WaitGroup
	for range 2 {
		others.Go(func() {
			for !done.Load() {
				_, err := newArchive(store).Compact(t.Context(), archiver.CompactOptions{Min: 2, Tail: 1, Apply: true})
				if err != nil && archiver.CodeOf(err) != archiver.CodeConflict {
					t.Error(err)
				}
			}
		})
	}
	others.Go(func() {
		for seq := uint64(2); !done.Load(); seq = seq%40 + 2 {
			_, err := newArchive(store).Pin(t.Context(), seq, "")
			if err == nil {
				_, err = newArchive(store).Unpin(t.Context(), seq)
			}
			if code := archiver.CodeOf(err); err != nil && code != archiver.CodeConflict && code != archiver.CodeNoBackup {
				t.Error(err)
			}
		}
	})
	for range few(30) {
		m.commit(100)
		if _, err := newArchive(store).Backup(t.Context(), m.path, archiver.BackupOptions{}); err != nil && archiver.CodeOf(err) != archiver.CodeConflict {
			t.Error(err)
		}
	}
	done.Store(true)
	others.Wait()
	backup(t, store, m.path)
	compactAll(t, store)
	for epoch := uint64(1); epoch <= m.epoch; epoch++ {
		m.restoresTo(store, archiver.AtEpoch(epoch), epoch)
	}
	mustBeWhole(t, store)
}

// If all that is older than a keep is dead, which came between the merging and its commit,
// the log is stored again under that keep's generation.
func TestCompactOfADeadGeneration(t *testing.T) {
	store := storagetest.NewMemory()
	m := newModel(t)
	for range 5 {
		m.commit(70_000)
		backup(t, store, m.path)
	}
	others := 0
	faulty := storagetest.NewFaulty(store, func(op storage.Op, key string, _ int) (f storagetest.Fault) {
		if op == storage.OpPut && strings.HasPrefix(key, manifest.ManifestPrefix) {
			if others++; others == 1 {
				f.Wait = func(context.Context) error { keep(t, store, keepChange{dead: true}); return nil }
			}
		}
		return f
	})
	r, err := newArchive(faulty).Compact(t.Context(), archiver.CompactOptions{Min: 2, Tail: 1, Apply: true})
	if err != nil || len(r.Merged) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	merged := recordOf(t, store, manifest.Seq(r.Merged[0].By))
	if generation, _ := manifest.GenerationOf(merged.Folder); generation != 6 {
		t.Errorf("the merged record is in %s", merged.Folder)
	}
	for epoch := uint64(1); epoch <= m.epoch; epoch++ {
		m.restoresTo(store, archiver.AtEpoch(epoch), epoch)
	}
	mustBeWhole(t, store)
}

// A damaged part ends its own series only.
func TestCompactDamaged(t *testing.T) {
	store := storagetest.NewMemory()
	m := newModel(t)
	for range 10 {
		m.commit(70_000)
		backup(t, store, m.path)
	}
	if _, err := newArchive(store).Pin(t.Context(), 5, ""); err != nil {
		t.Fatal(err)
	}
	key := indexOf(t, store, 7).Segments[0].Key
	if err := store.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	r, err := newArchive(store).Compact(t.Context(), archiver.CompactOptions{Min: 2, Tail: 1, Apply: true})
	mustFail(t, err, archiver.CodeDamagedArchive, key)
	if !r.Applied || len(r.Merged) != 1 || r.Merged[0].To != 5 {
		t.Errorf("%+v", r)
	}
	if got := numbers(t, store); !slices.Equal(got, []uint64{1, 5, 6, 7, 8, 9, 10}) {
		t.Errorf("the backups are %v", got)
	}
}

// Status says what is replayed, and what would be merged.
func TestStatusOfSmallBackups(t *testing.T) {
	store := storagetest.NewMemory()
	m := increments(t, store, 70)
	r, err := newArchive(store).Status(t.Context(), archiver.StatusOptions{})
	if err != nil || r.Replay == nil || r.Replay.Full != 1 || r.Replay.Backups != 70 || r.Replay.Epochs != m.epoch || r.Replay.Bytes < 70*200 {
		t.Errorf("%+v, %v", r.Replay, err)
	}
	if r.Mergeable == nil || r.Mergeable.Backups != 38 || r.Mergeable.Before.Objects != 38 || r.Mergeable.After.Objects != 1 {
		t.Errorf("%+v", r.Mergeable)
	}
}
