package archiver_test

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage/local"
)

// A compaction takes less than 64 MiB, even of backups that do not compress and are just
// small enough to be merged.
func TestMemoryOfCompact(t *testing.T) {
	store, err := local.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m := newModel(t)
	m.commit(100)
	backup(t, store, m.path)
	for n := range 40 {
		m.commit(3_900_000)
		backup(t, store, m.path)
		if n%4 == 0 {
			m.checkpointHeld()
		}
	}
	m.all = nil
	defer debug.SetGCPercent(debug.SetGCPercent(10)) // as the command does
	runtime.GC()
	inUse := func() uint64 {
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapInuse
	}
	before, done, peak := inUse(), make(chan struct{}), make(chan uint64)
	go func() {
		highest := uint64(0)
		for {
			select {
			case <-done:
				peak <- max(highest, inUse())
				return
			case <-time.After(time.Millisecond):
				highest = max(highest, inUse())
			}
		}
	}()
	r, err := newWith(store, archiver.Options{}).Compact(t.Context(), archiver.CompactOptions{Tail: 1, Apply: true})
	close(done)
	highest := <-peak
	if err != nil || len(r.Merged) != 1 || r.Before.Bytes < 100<<20 {
		t.Fatalf("%+v, %v", r, err)
	}
	if int64(highest)-int64(before) > 64<<20 {
		t.Errorf("it takes %d MiB", (int64(highest)-int64(before))>>20)
	}
}
