package archiver_test

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/local"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// A sample takes memory for the segments that are being read, and not for all that it reads.
func TestMemoryOfASample(t *testing.T) {
	store, err := local.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m := newModel(t)
	m.commit(100)
	backup(t, store, m.path)
	for range 40 {
		m.commit(3_900_000)
		backup(t, store, m.path)
	}
	m.all = nil
	defer debug.SetGCPercent(debug.SetGCPercent(10)) // as the command does
	runtime.GC()
	inUse := func() uint64 {
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapInuse
	}
	var highest atomic.Uint64
	watched := storagetest.NewFaulty(store, func(storage.Op, string, int) storagetest.Fault {
		for now := inUse(); ; {
			was := highest.Load()
			if now <= was || highest.CompareAndSwap(was, now) {
				return storagetest.Fault{}
			}
		}
	})
	before := inUse()
	r, err := newWith(watched, archiver.Options{}).Verify(t.Context(), archiver.VerifyOptions{Sample: 1})
	if err != nil || r.Read.Segments != 41 || r.Read.Bytes < 100<<20 {
		t.Fatalf("%+v, %v", r.Read, err)
	}
	if taken := int64(highest.Load()) - int64(before); taken > 64<<20 {
		t.Errorf("it takes %d MiB", taken>>20)
	}
}
