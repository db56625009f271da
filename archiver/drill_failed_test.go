package archiver_test

import (
	"context"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// drillThat is a drill whose command succeeds or fails: of the newest state, of one that is drawn, or of
// that of an epoch.
type drillThat struct {
	fails, random bool
	epoch         uint64
}

func (d drillThat) of(t *testing.T, store *storagetest.Memory) archiver.DrillReport {
	t.Helper()
	o := archiver.DrillOptions{Random: d.random, Check: func(context.Context, string) (archiver.CheckResult, error) {
		return archiver.CheckResult{OK: !d.fails, Why: "it does not open"}, nil
	}}
	if d.epoch > 0 {
		o.Target = archiver.AtEpoch(d.epoch)
	}
	return mustDrill(t, store, o)
}

// isFailed reports whether a drill has failed and nothing has shown since that this is mended.
func isFailed(t *testing.T, store *storagetest.Memory) bool {
	t.Helper()
	r := status(t, store, "")
	err := r.ProvenWithin(time.Hour)
	if last := r.Proofs.LastDrill; (err == nil) != last.OK {
		t.Errorf("%v, and %+v", err, last)
	}
	return err != nil
}

// That an older state is whole says nothing of the newest one, whose drill has failed.
func TestFailedDrillOfNewestStays(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	m := increments(t, store, 5)
	drillThat{fails: true}.of(t, store)
	drillThat{epoch: 2}.of(t, store)
	if !isFailed(t, store) {
		t.Error("a drill of epoch 2 has mended the newest state")
	}
	drillThat{}.of(t, store)
	if isFailed(t, store) {
		t.Error("a drill of the same state has not mended it")
	}
	drillThat{fails: true}.of(t, store)
	m.commit(100)
	backup(t, store, m.path)
	drillThat{}.of(t, store)
	if isFailed(t, store) {
		t.Error("a drill of a newer state has not mended it")
	}
}

// That the newest state is whole says nothing of an older one that was drawn and failed. That one is drawn
// again, as long as it can be restored.
func TestFailedDrillOfDrawnStays(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	m := increments(t, store, 5)
	tip := status(t, store, "").Newest.EndEpoch
	drawn := drillThat{fails: true, random: true}.of(t, store).Plan.Epoch
	for drawn == tip {
		drillThat{}.of(t, store)
		drawn = drillThat{fails: true, random: true}.of(t, store).Plan.Epoch
	}
	for range 3 {
		drillThat{}.of(t, store)
		if !isFailed(t, store) {
			t.Errorf("a drill of the newest state has mended epoch %d", drawn)
		}
		if r := (drillThat{fails: true, random: true}).of(t, store); r.Plan.Epoch != drawn || !r.Random {
			t.Errorf("epoch %d is drawn after %d has failed", r.Plan.Epoch, drawn)
		}
	}
	if r := (drillThat{random: true}).of(t, store); r.Plan.Epoch != drawn || isFailed(t, store) {
		t.Errorf("epoch %d was drilled, and %d is mended", r.Plan.Epoch, drawn)
	}

	// Once it has expired, another one is drawn.
	drawn = drillThat{fails: true, random: true}.of(t, store).Plan.Epoch
	for drawn == tip {
		drillThat{}.of(t, store)
		drawn = drillThat{fails: true, random: true}.of(t, store).Plan.Epoch
	}
	m.commit(100)
	m.checkpointHeld()
	if _, err := newArchive(store).Backup(t.Context(), m.path, archiver.BackupOptions{Full: true}); err != nil {
		t.Fatal(err)
	}
	expire(t, store, archiver.Rules{Last: 1})
	if r := (drillThat{random: true}).of(t, store); r.Plan.Epoch == drawn || isFailed(t, store) {
		t.Errorf("epoch %d was drilled after %d has gone", r.Plan.Epoch, drawn)
	}
}

// Two that failed are two: whichever is mended first, the other one has failed still.
func TestFailedDrillsOfTwoStates(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	increments(t, store, 5)
	tip := status(t, store, "").Newest.EndEpoch
	for _, isNewestFirst := range []bool{true, false} {
		drawn := drillThat{fails: true, random: true}.of(t, store).Plan.Epoch
		for drawn == tip {
			drillThat{}.of(t, store)
			drawn = drillThat{fails: true, random: true}.of(t, store).Plan.Epoch
		}
		drillThat{fails: true}.of(t, store)
		drillThat{random: !isNewestFirst}.of(t, store)
		if !isFailed(t, store) {
			t.Errorf("epochs %d and %d have failed, one is mended, and nothing has failed", drawn, tip)
		}
		if r := (drillThat{random: isNewestFirst}).of(t, store); isNewestFirst && r.Plan.Epoch != drawn {
			t.Errorf("epoch %d is drawn after %d has failed", r.Plan.Epoch, drawn)
		}
		if isFailed(t, store) {
			t.Error("both are mended, and one has failed")
		}
	}
}
