package archiver_test

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Full backups that refer to segments of earlier ones, and go on in the folder of a run that
// was killed, while others remove what they are about to refer to, at any of their
// operations: whatever is committed has all that it names.
func TestSharedBesideRemovals(t *testing.T) {
	t.Parallel()
	reused, resumed := false, false
	for seed := range uint64(few(40)) {
		random := rand.New(rand.NewPCG(seed, 7))
		store, im := storagetest.NewMemory(), newPagedImage(t, 1200)
		run := func(n int, at func() error, o archiver.BackupOptions) (archiver.BackupReport, error) {
			var left atomic.Int64 // the probe of a store makes requests side by side
			left.Store(int64(n))
			faulty := storagetest.NewFaulty(store, func(_ storage.Op, _ string, _ int) storagetest.Fault {
				if left.Add(-1) == 0 {
					if err := at(); err != nil {
						return storagetest.Fault{Err: err}
					}
				}
				return storagetest.Fault{}
			})
			o.Full, o.SegmentBytes, o.NoHold = true, archiver.MinSegmentBytes, true
			return newWith(faulty, archiver.Options{Concurrency: 1, Tool: "test"}).On(disktest.Unsynced{}).Backup(t.Context(), im.path, o)
		}
		nothing := func() error { return nil }
		for range 2 {
			im.change(random.IntN(1000), 20, 1)
			im.write(t)
			if _, err := run(0, nothing, archiver.BackupOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		remove := func() error {
			if random.IntN(2) == 0 {
				if _, err := run(0, nothing, archiver.BackupOptions{Fresh: random.IntN(2) == 0}); err != nil {
					return err
				}
			}
			grace := archiver.NoGrace
			if random.IntN(3) == 0 {
				grace = time.Hour // then it is a keep, and nothing is dead by it
			}
			o := archiver.ExpireOptions{Rules: &archiver.Rules{Last: 1 + random.IntN(2)}, Apply: true, Grace: grace}
			_, err := newArchive(store).Expire(t.Context(), o)
			return err
		}
		for range 6 {
			if random.IntN(2) == 0 {
				im.change(random.IntN(1000), 20, 1)
				im.write(t)
			}
			what := remove
			if random.IntN(3) == 0 {
				what = func() error { return storage.ErrPermission } // so that it ends
			}
			at := fmt.Sprintf("seed %d", seed)
			r, err := run(1+random.IntN(30), what, archiver.BackupOptions{Fresh: random.IntN(8) == 0})
			if err == nil {
				reused = reused || r.Backup.ReusedBytes > 0
				generation, _ := manifest.GenerationOf(manifestOf(t, store.Objects(), r.Backup.Seq).Folder)
				resumed = resumed || generation < manifestOf(t, store.Objects(), r.Backup.Seq).Keep
			}
			if random.IntN(3) == 0 {
				if err := remove(); err != nil {
					t.Fatalf("%s: %v", at, err)
				}
			}
			c := look(t, store.Objects())
			c.mustHaveAll(t, at, nil)
		}
		mustBeWhole(t, store)
		mustHeal(t, fmt.Sprint(seed), store, archiver.Rules{Last: 1})
	}
	if !reused || !resumed {
		t.Errorf("reused: %t, resumed: %t", reused, resumed)
	}
}
