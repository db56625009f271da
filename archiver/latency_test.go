package archiver_test

import (
	"context"
	"io"
	"iter"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// distant is a store that takes its time to answer, whatever it is asked.
type distant struct {
	*storagetest.Memory
	latency time.Duration
}

func (d distant) Put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.PutResult, error) {
	time.Sleep(d.latency)
	return d.Memory.Put(ctx, key, body, opts)
}

func (d distant) Get(ctx context.Context, key string, r storage.Range) (io.ReadCloser, storage.ObjectInfo, error) {
	time.Sleep(d.latency)
	return d.Memory.Get(ctx, key, r)
}

func (d distant) Head(ctx context.Context, key string) (storage.ObjectInfo, error) {
	time.Sleep(d.latency)
	return d.Memory.Head(ctx, key)
}

func (d distant) List(ctx context.Context, prefix, after string) iter.Seq2[storage.ObjectInfo, error] {
	time.Sleep(d.latency)
	return d.Memory.List(ctx, prefix, after)
}

func (d distant) Delete(ctx context.Context, key string) error {
	time.Sleep(d.latency)
	return d.Memory.Delete(ctx, key)
}

func (d distant) DeleteAll(ctx context.Context, keys []string) (map[string]error, error) {
	time.Sleep(d.latency)
	return d.Memory.DeleteAll(ctx, keys)
}

func (d distant) Now(ctx context.Context) (time.Time, error) {
	time.Sleep(d.latency)
	return d.Memory.Now(ctx)
}

// trips is how many answers are waited for one after the other: by a clock that
// only the store moves, so that it is the same on every machine.
func trips(t *testing.T, store *storagetest.Memory, latency time.Duration, work func(*testing.T, storage.Storage)) int {
	t.Helper()
	var took time.Duration
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		work(t, distant{store, latency})
		took = time.Since(began)
	})
	return int(took / latency)
}

// How often a store is waited for does not depend on how far away it is, and
// grows slower than what there is to fetch.
func TestLatency(t *testing.T) {
	const increments = 600
	store := storagetest.NewMemory()
	m := newModel(t)
	m.commit(100)
	backup(t, store, m.path)
	for range increments {
		m.commit(100)
		backup(t, store, m.path)
	}
	for _, latency := range []time.Duration{20 * time.Millisecond, 100 * time.Millisecond} {
		again := func(want archiver.Kind) func(t *testing.T, s storage.Storage) {
			return func(t *testing.T, s storage.Storage) {
				if r := backup(t, s, m.path); r.Backup.Kind != want {
					t.Errorf("%+v", r)
				}
			}
		}
		if n := trips(t, store, latency, again(archiver.KindNone)); n > 3 {
			t.Errorf("nothing new: %d trips", n)
		}
		m.commit(100)
		if n := trips(t, store, latency, again("incremental")); n > 4 {
			t.Errorf("an incremental: %d trips", n)
		}
		n := trips(t, store, latency, func(t *testing.T, s storage.Storage) {
			if _, err := newArchive(s).Restore(t.Context(), filepath.Join(t.TempDir(), "db.grafeo"), archiver.RestoreOptions{}); err != nil {
				t.Error(err)
			}
		})
		t.Logf("%v: a restore of %d increments waits for %d answers", latency, increments, n)
		if n > 50 {
			t.Errorf("a restore of %d increments: %d trips", increments, n)
		}
		n = trips(t, store, latency, func(t *testing.T, s storage.Storage) {
			if list, err := newArchive(s).List(t.Context()); err != nil || len(list.Backups) < increments {
				t.Errorf("%d, %v", len(list.Backups), err)
			}
		})
		if n > 60 {
			t.Errorf("a list of %d backups: %d trips", increments, n)
		}
	}
	// A full backup sends several segments at a time.
	path := bigDatabase(t, 40<<20)
	n := trips(t, storagetest.NewMemory(), 100*time.Millisecond, func(t *testing.T, s storage.Storage) {
		r, err := newArchive(s).WithoutRaces().Backup(t.Context(), path, archiver.BackupOptions{SegmentBytes: archiver.MinSegmentBytes})
		if err != nil || r.Backup.Segments < 40 {
			t.Errorf("%+v, %v", r, err)
		}
	})
	t.Logf("a full backup of 40 segments waits for %d answers", n)
	if n > 60 {
		t.Errorf("a full backup of 40 segments: %d trips", n)
	}
}
