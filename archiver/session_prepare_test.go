package archiver_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// narrow is a store to which segments take long, and everything else no time.
type narrow struct{ *storagetest.Memory }

func (n narrow) Put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.PutResult, error) {
	if segmentKey(key) {
		time.Sleep(10 * time.Second)
	}
	return n.Memory.Put(ctx, key, body, opts)
}

// largeModel is a model with an image of so many pages.
func largeModel(t testing.TB, pages int) *model {
	t.Helper()
	m := newModel(t)
	m.paged = newPagedImage(t, pages)
	m.image(m.log.LSN())
	return m
}

// While a large full backup is prepared over a narrow line, increments commit each second, and
// the database checkpoints and changes its image. The full backup then sends what has changed, in
// seconds instead of minutes, and every epoch can be restored.
func TestFullBackupBesideIncrements(t *testing.T) {
	t.Parallel()
	const pages = 8192 // 32 MiB
	for _, checkpoints := range []bool{false, true} {
		t.Run(fmt.Sprintf("with checkpoints: %v", checkpoints), func(t *testing.T) {
			t.Parallel()
			memory := storagetest.NewMemory()
			m := largeModel(t, 10)
			m.commit(100)
			backup(t, memory, m.path)
			m.paged.append(pages)
			m.checkpointHeld()
			synctest.Test(t, func(t *testing.T) {
				m.t = t
				s := newArchive(narrow{memory}).Session(m.path, archiver.SessionOptions{
					Backup: archiver.BackupOptions{SegmentBytes: archiver.MinSegmentBytes},
				})
				increments := func(while func() bool) (n int) {
					for while() {
						m.commit(100)
						if checkpoints && n%20 == 10 {
							m.paged.change(n, 5, 1)
							m.checkpointHeld()
						}
						began := time.Now()
						r, err := s.Backup(t.Context(), archiver.SessionBackup{NoFull: true})
						if err != nil || r.Backup.Kind != archiver.KindIncremental || r.Requests.Total() > 6 {
							t.Fatalf("%+v, %v", r, err)
						}
						if took := time.Since(began); took > 100*time.Millisecond {
							t.Errorf("an increment took %v", took)
						}
						n++
						time.Sleep(time.Second)
					}
					return n
				}
				done := make(chan struct{})
				var all sync.WaitGroup
				began := time.Now()
				all.Go(func() {
					defer close(done)
					if err := s.Prepare(t.Context()); err != nil {
						t.Error(err)
					}
				})
				n := increments(func() bool {
					select {
					case <-done:
						return false
					default:
						return true
					}
				})
				all.Wait()
				took := time.Since(began)
				if took < time.Minute || n < 50 {
					t.Fatalf("it took %v, beside %d increments: that shows nothing", took, n)
				}
				began, began2 := time.Now(), storedBytes(memory)
				r, err := s.Backup(t.Context(), archiver.SessionBackup{Full: true})
				if err != nil || r.Backup.Kind != archiver.KindFull || r.Backup.Seq != uint64(n+2) {
					t.Fatalf("%+v, %v", r, err)
				}
				sent := storedBytes(memory) - began2
				t.Logf("prepared in %v beside %d increments; the full backup took %v and sent %d bytes of %d", took, n, time.Since(began), sent, r.Backup.RawBytes)
				if time.Since(began) > 25*time.Second || sent > pages*manifest.PageBytes/20 {
					t.Errorf("the full backup took %v and sent %d bytes", time.Since(began), sent)
				}
				m.commit(100)
				if r, err := s.Backup(t.Context(), archiver.SessionBackup{}); err != nil || r.Backup.Kind != archiver.KindIncremental {
					t.Fatalf("%+v, %v", r, err)
				}
				if err := s.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
			m.t = t
			mustBeWhole(t, memory)
			if got := restore(t, memory, 0)["db.grafeo"]; got != readFile(t, m.path) {
				t.Error("the restored image is another one")
			}
			for _, epoch := range []uint64{1, 2, m.epoch - 1, m.epoch} {
				m.restoresTo(memory, archiver.AtEpoch(epoch), epoch)
			}
		})
	}
}

// What was prepared before a keep is not referred to after it: a backup to whose segments it
// refers may be gone since then.
func TestPreparedBeforeAKeep(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), largeModel(t, 2000)
	m.commit(100)
	full(t, store, m.path)
	s := newArchive(store).Session(m.path, archiver.SessionOptions{Backup: archiver.BackupOptions{SegmentBytes: archiver.MinSegmentBytes}})
	if err := s.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	was := slices.Clone(m.paged.seeds)
	m.paged.change(0, 2000, 1)
	m.checkpointHeld()
	m.commit(100)
	full(t, store, m.path)
	m.paged.seeds = was // such as after a change that was taken back
	m.checkpointHeld()
	// What is dead is there still, and another host may delete it at any time.
	_, err := newArchive(store).Expire(t.Context(), archiver.ExpireOptions{
		Rules: &archiver.Rules{Last: 1}, Apply: true, MarkOnly: true, Grace: archiver.NoGrace,
	})
	if err != nil {
		t.Fatal(err)
	}
	m.commit(100)
	if _, err := s.Backup(t.Context(), archiver.SessionBackup{Full: true}); err != nil {
		t.Fatal(err)
	}
	c := look(t, store.Objects())
	c.mustHaveAll(t, "after the full backup", nil)
	newest := len(c.living) - 1
	alive := namedBy(t, store.Objects(), c.living[newest-1])
	for _, key := range namedBy(t, store.Objects(), c.living[newest]) {
		generation, ok := manifest.ParseGeneration(key)
		if ok && generation < c.keep.Keeping.DeadBefore && !slices.Contains(alive, key) {
			t.Errorf("%s is named, and may be dead", key)
		}
	}
	mustHeal(t, "in the end", store, archiver.Rules{Last: 1})
	mustBeWhole(t, store)
}

// Before the first backup there is nothing to prepare; and databases of all kinds can be
// prepared.
func TestPrepareOfAll(t *testing.T) {
	t.Parallel()
	for _, name := range append(vectors, "directory/v0.5.42/live") {
		store, path := storagetest.NewMemory(), copyVector(t, name)
		s := newArchive(store).Session(path, archiver.SessionOptions{})
		if err := s.Prepare(t.Context()); err != nil || len(store.Objects()) > 0 {
			t.Errorf("%s: %d objects, %v", name, len(store.Objects()), err)
		}
		if _, err := s.Backup(t.Context(), archiver.SessionBackup{}); err != nil {
			t.Fatal(err)
		}
		want := restore(t, store, 1)
		if err := s.Prepare(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if r, err := s.Backup(t.Context(), archiver.SessionBackup{Full: true}); err != nil || r.Backup.Seq != 2 {
			t.Fatalf("%s: %+v, %v", name, r, err)
		}
		if got := restore(t, store, 2); !maps.Equal(got, want) {
			t.Errorf("%s restores to something else", name)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		mustBeWhole(t, store)
	}
}
