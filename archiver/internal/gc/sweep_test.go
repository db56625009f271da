package gc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// littered returns an archive with two backups, a keep that is its own horizon, and n objects
// that are dead for it.
func littered(t *testing.T, n int) (*world, *manifest.Committed) {
	t.Helper()
	w := newWorld(t, 1)
	w.backup(manifest.Full, w.folder(), content{segments: 2, large: true, pages: true})
	w.backup(manifest.Incremental, w.folder(), content{segments: 1})
	folder := w.folder()
	k := w.keep([]manifest.Seq{1, 2}, nil, 0, true)
	for range n {
		w.put(func(sum manifest.Digest) string { return manifest.SegmentKey(manifest.SegmentFolder(folder), 0, sum) })
	}
	return w, k
}

// trySweep sweeps through a store that fails on demand.
func (w *world) trySweep(ctx context.Context, k *manifest.Committed, hook storagetest.Hook) (*Swept, error) {
	w.t.Helper()
	return w.mustRead(k).Sweep(ctx, objectsOf(storagetest.NewFaulty(w.memory, hook)), k, time.Time{})
}

// onDelete returns a hook for the n-th request that deletes.
func onDelete(n int, fault storagetest.Fault) storagetest.Hook {
	var deletes atomic.Int64
	return func(op storage.Op, _ string, _ int) storagetest.Fault {
		if op == storage.OpDelete && deletes.Add(1) == int64(n) {
			return fault
		}
		return storagetest.Fault{}
	}
}

// Whatever a store does to a sweep, the report says what is known to be deleted, nothing
// else is touched, and the next sweep finishes.
func TestSweepsThatFail(t *testing.T) {
	denied := func(key string) error {
		if strings.HasSuffix(key, "0.zst") {
			return fmt.Errorf("%s: %w", key, storage.ErrPermission)
		}
		return nil
	}
	cause := errors.New("the cause")
	for name, c := range map[string]struct {
		fault     storagetest.Fault
		err       error
		report    bool // all that is gone was reported
		survivors int
	}{
		"a request is not answered":         {fault: storagetest.Fault{Err: storage.ErrUnavailable}, err: storage.ErrUnavailable, report: true},
		"an answer is lost":                 {fault: storagetest.Fault{Err: storage.ErrUnavailable, Apply: true}, err: storage.ErrUnavailable},
		"an answer is lost half way":        {fault: storagetest.Fault{Err: storage.ErrUnavailable, Apply: true, Part: 3}, err: storage.ErrUnavailable},
		"some keys are refused":             {fault: storagetest.Fault{Refuse: denied}, report: true},
		"the store only says that it does":  {fault: storagetest.Fault{Pretend: true}, survivors: 1},
		"the run is interrupted on the way": {fault: storagetest.Fault{Wait: func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }}, err: cause, report: true},
	} {
		t.Run(name, func(t *testing.T) {
			w, k := littered(t, 2500)
			before := w.memory.Objects()
			want := w.fateFor(k)
			ctx, cancel := context.WithCancelCause(t.Context())
			if errors.Is(c.err, cause) {
				wait := c.fault.Wait
				c.fault.Wait = func(ctx context.Context) error { cancel(cause); return wait(ctx) }
			}
			swept, err := w.trySweep(ctx, k, onDelete(2, c.fault))
			cancel(nil)
			if !errors.Is(err, c.err) {
				t.Fatalf("%v, want %v", err, c.err)
			}
			gone := len(before) - len(w.memory.Objects())
			refused := 0
			for _, n := range swept.Refused {
				refused += n
			}
			switch {
			case c.report && swept.Deleted.Objects != gone || swept.Deleted.Objects > 2500:
				t.Errorf("%d are gone: %+v", gone, swept)
			case err == nil && swept.Deleted.Objects+refused+swept.Survivors != 2500:
				t.Errorf("what became of 2500? %+v", swept)
			case swept.Survivors != c.survivors || c.fault.Refuse != nil && (refused == 0 || len(swept.Refused) != 1 || len(swept.Refusals) != min(refused, maxRefusals)):
				t.Errorf("%+v", swept)
			}
			for _, key := range want.stays {
				if w.memory.Objects()[key] == nil {
					t.Fatalf("%s is gone", key)
				}
			}
			w.sweepAndCompare(k)
		})
	}
}

// A request that is refused as a whole counts for each of its keys.
func TestSweepThatIsRefused(t *testing.T) {
	w, k := littered(t, 1500)
	swept, err := w.trySweep(t.Context(), k, onDelete(2, storagetest.Fault{Err: fmt.Errorf("no: %w", storage.ErrPermission)}))
	if !errors.Is(err, storage.ErrPermission) || len(swept.Refusals) != maxRefusals {
		t.Fatalf("%d refusals, %v", len(swept.Refusals), err)
	}
	if refused := swept.Refused[storage.ErrPermission.Error()]; refused+swept.Deleted.Objects != 1500 || refused < 500 {
		t.Errorf("%d refused, %d deleted", refused, swept.Deleted.Objects)
	}
	for _, r := range swept.Refusals {
		if w.memory.Objects()[r.Key] == nil {
			t.Fatalf("%s is gone", r.Key)
		}
	}
}

// A store that stays too busy for some keys ends a sweep.
func TestSweepOfABusyStore(t *testing.T) {
	w, k := littered(t, 10)
	n := w.mustRead(k)
	isBusyFor := ""
	for key := range w.memory.Objects() {
		if standing, _ := n.judge(key); standing == isDead {
			isBusyFor = key
		}
	}
	busy := func(key string) error {
		if key == isBusyFor {
			return storage.ErrUnavailable
		}
		return nil
	}
	swept, err := w.trySweep(t.Context(), k, func(storage.Op, string, int) storagetest.Fault {
		return storagetest.Fault{Refuse: busy}
	})
	if !errors.Is(err, storage.ErrUnavailable) || swept.Deleted.Objects != 9 || len(swept.Refusals) != 1 {
		t.Errorf("%+v, %v", swept, err)
	}
}

// A sweep may stop at any request, whether it was carried out or not.
func TestSweepStopsAnywhere(t *testing.T) {
	w, k := littered(t, 1200)
	counted := storagetest.NewFaulty(w.memory, nil)
	if _, err := w.mustRead(k).Sweep(t.Context(), objectsOf(counted), k, time.Time{}); err != nil {
		t.Fatal(err)
	}
	for call := 1; call <= len(counted.Calls()); call++ {
		for _, applied := range []bool{false, true} {
			w, k := littered(t, 1200)
			swept, err := w.trySweep(t.Context(), k, storagetest.StopAt(call, applied, storagetest.Refuses))
			if !errors.Is(err, storagetest.ErrStopped) || swept == nil {
				t.Fatalf("call %d: %+v, %v", call, swept, err)
			}
			w.sweepAndCompare(k)
		}
	}
}

// A segment of a run that slept arrives after the sweep; the next one finds it.
func TestLateSegment(t *testing.T) {
	w, k := littered(t, 0)
	var letGo func()
	faulty := storagetest.NewFaulty(w.memory, func(storage.Op, string, int) storagetest.Fault {
		return storagetest.Fault{Err: storage.ErrUnavailable, Later: func(f func()) { letGo = f }}
	})
	folder := manifest.SegmentFolder(manifest.FolderName(0, manifest.NewID()))
	if _, err := faulty.Put(t.Context(), manifest.SegmentKey(folder, 0, manifest.Digest{}), strings.NewReader("late"), storage.PutOptions{IfAbsent: true}); err == nil {
		t.Fatal("it is not late")
	}
	w.sweepAndCompare(k)
	letGo()
	if c, swept := w.sweep(k); c.Orphans != 1 || swept.Deleted != (Amount{1, 4}) {
		t.Errorf("%+v, %+v", c, swept)
	}
}

// Two sweeps at once delete the same, and nothing else.
func TestSweepsAtOnce(t *testing.T) {
	w, k := littered(t, 3000)
	want := w.fateFor(k).stays
	errs := make(chan error)
	for range 2 {
		n := w.mustRead(k)
		go func() {
			_, err := n.Sweep(t.Context(), objectsOf(w.memory), k, time.Time{})
			errs <- err
		}()
	}
	if err := errors.Join(<-errs, <-errs); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(w.memory.Objects()))); diff != "" {
		t.Error(diff)
	}
}

// Objects of old probes go by the store's time, and nothing else does.
func TestOldProbes(t *testing.T) {
	w, k := littered(t, 0)
	now := time.Date(2026, 11, 26, 4, 0, 0, 0, time.UTC)
	for i, age := range []time.Duration{3 * time.Hour, 2 * time.Hour, time.Hour} {
		w.memory.SetClock(func() time.Time { return now.Add(-age) })
		w.store(fmt.Sprintf("probe/0123456789abcdef0123456789abcdef/%02d-speed", i), "probe")
		w.store(fmt.Sprintf("probe/x/%d", i), "of somebody else")
	}
	for _, c := range []struct {
		before time.Time
		gone   int
	}{{time.Time{}, 0}, {now.Add(-2 * time.Hour), 1}, {now, 2}} {
		swept, err := w.mustRead(k).Sweep(t.Context(), objectsOf(w.memory), k, c.before)
		if err != nil || swept.Probes != c.gone || swept.Deleted.Objects != 0 {
			t.Errorf("before %v: %+v, %v", c.before, swept, err)
		}
	}
}

// Nothing is deleted but for the keep that the names were read for, and never in an archive
// for a single writer.
func TestSweepRefuses(t *testing.T) {
	w, k := littered(t, 5)
	before := len(w.memory.Objects())
	other := *k.Manifest
	said := *k.Keeping
	said.Alive = manifest.Ranges{{2, 2}}
	other.Keeping = &said
	backup := &manifest.Committed{Manifest: w.kinds[2]}
	for _, wrong := range []*manifest.Committed{{Manifest: &other}, backup} {
		if _, err := w.mustRead(k).Sweep(t.Context(), objectsOf(w.memory), wrong, time.Time{}); err == nil {
			t.Errorf("swept for %+v", wrong.Manifest)
		}
	}
	n := w.mustRead(k)
	n.archive.Conditions = &manifest.Conditions{Verdict: manifest.Ignored, SingleWriter: true}
	if _, err := n.Sweep(t.Context(), objectsOf(w.memory), k, time.Time{}); !errors.Is(err, ErrSingleWriter) {
		t.Error(err)
	}
	if len(w.memory.Objects()) != before {
		t.Error("something is gone")
	}
}

// Whether what was deleted is gone is seen without the permission to read it.
func TestSweepWithoutReadingData(t *testing.T) {
	for pretend, survivors := range map[bool]int{true: 1, false: 0} {
		w, k := littered(t, 1500)
		deletes := onDelete(1, storagetest.Fault{Pretend: pretend})
		swept, err := w.trySweep(t.Context(), k, func(op storage.Op, key string, n int) storagetest.Fault {
			if op == storage.OpHead {
				return storagetest.Fault{Err: storage.ErrPermission}
			}
			return deletes(op, key, n)
		})
		if err != nil || swept.Survivors != survivors || swept.Deleted.Objects+survivors != 1500 {
			t.Errorf("pretended: %v: %+v, %v", pretend, swept, err)
		}
	}
}
