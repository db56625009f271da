package gc

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// removedFull returns an archive of which a keep has removed the full backups 1 and 2; 2 has
// an index of its own and was removed after the horizon, the first keep. Keep 6 is the newest.
func removedFull(t *testing.T) (w *world, second manifest.Seq, k *manifest.Committed) {
	t.Helper()
	w = newWorld(t, 1)
	w.backup(manifest.Full, w.folder(), content{segments: 1})
	second = w.backup(manifest.Full, w.folder(), content{segments: 2, large: true})
	last := w.backup(manifest.Full, w.folder(), content{segments: 1})
	first := w.keep([]manifest.Seq{second, last}, nil, 0, false)
	last = w.backup(manifest.Full, w.folder(), content{segments: 1})
	return w, second, w.keep([]manifest.Seq{last}, nil, first.Seq, false)
}

func (w *world) overwrite(key string) {
	w.t.Helper()
	w.store(key, "damaged\n")
}

func (w *world) delete(key string) {
	w.t.Helper()
	if err := w.memory.Delete(w.t.Context(), key); err != nil {
		w.t.Fatal(err)
	}
}

// A record that was removed, but still protects what it names, and cannot be read may name
// anything: nothing is deleted until a keep after which it protects nothing.
func TestUnreadableRecordsThatProtect(t *testing.T) {
	for name, breaks := range map[string]func(w *world, second manifest.Seq, k *manifest.Committed){
		"its index is damaged":    func(w *world, second manifest.Seq, _ *manifest.Committed) { w.overwrite(w.kinds[second].Index.Key) },
		"its index is missing":    func(w *world, second manifest.Seq, _ *manifest.Committed) { w.delete(w.kinds[second].Index.Key) },
		"its manifest is damaged": func(w *world, second manifest.Seq, _ *manifest.Committed) { w.overwrite(second.Key()) },
		"its manifest is missing": func(w *world, second manifest.Seq, _ *manifest.Committed) { w.delete(second.Key()) },
		"the horizon is damaged":  func(w *world, _ manifest.Seq, k *manifest.Committed) { w.overwrite(k.Keeping.DeadBefore.Key()) },
		"one after the horizon is missing": func(w *world, _ manifest.Seq, k *manifest.Committed) {
			seq := w.backup(manifest.Incremental, w.folder(), content{inline: true})
			w.backup(manifest.Incremental, w.folder(), content{inline: true})
			*k = *w.keep([]manifest.Seq{seq + 1}, nil, k.Keeping.DeadBefore, false)
			w.delete(seq.Key())
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, second, k := removedFull(t)
			if c := w.mustRead(k); c.Withheld != nil {
				t.Fatal(c.Withheld)
			}
			breaks(w, second, k)
			n := w.mustRead(k)
			damage, ok := errors.AsType[*manifest.ObjectError](n.Withheld)
			if !ok || damage == nil {
				t.Fatalf("withheld: %v", n.Withheld)
			}
			c, err := n.Census(t.Context(), objectsOf(w.memory))
			if err != nil || c.Dead != (Amount{}) || c.Manifests != 0 || c.Waiting.Objects < 3 {
				t.Errorf("%+v, %v", c, err)
			}
			before := len(w.memory.Objects())
			if _, err := n.Sweep(t.Context(), objectsOf(w.memory), k, time.Time{}); err == nil || !errors.Is(err, n.Withheld) {
				t.Error(err)
			}
			if len(w.memory.Objects()) != before {
				t.Error("something is gone")
			}
			records, _ := w.living()
			w.sweepAndCompare(w.keep(records[len(records)-1:], nil, 0, true))
		})
	}
}

// If a living record cannot be read, nothing is known.
func TestUnreadableLivingRecords(t *testing.T) {
	for name, breaks := range map[string]func(w *world){
		"an index is damaged":                  func(w *world) { w.overwrite(w.kinds[1].Index.Key) },
		"an index is missing":                  func(w *world) { w.delete(w.kinds[1].Index.Key) },
		"a manifest is damaged":                func(w *world) { w.overwrite(manifest.Seq(1).Key()) },
		"a manifest is missing":                func(w *world) { w.delete(manifest.Seq(1).Key()) },
		"an incremental's manifest is missing": func(w *world) { w.delete(manifest.Seq(2).Key()) },
	} {
		w, k := littered(t, 1)
		breaks(w)
		_, err := w.read(w.memory, k)
		if _, ok := errors.AsType[*manifest.ObjectError](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	w, k := littered(t, 1)
	faulty := storagetest.NewFaulty(w.memory, func(_ storage.Op, key string, _ int) storagetest.Fault {
		if strings.HasPrefix(key, "indexes/") {
			return storagetest.Fault{Err: storage.ErrPermission}
		}
		return storagetest.Fault{}
	})
	if _, err := w.read(faulty, k); !errors.Is(err, storage.ErrPermission) {
		t.Error(err)
	}
}

// shortList is a store whose lists lack an object.
type shortList struct {
	storage.Storage
	hidden string
}

func (s shortList) List(ctx context.Context, prefix, after string) iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		for info, err := range s.Storage.List(ctx, prefix, after) {
			if info.Key != s.hidden && !yield(info, err) {
				return
			}
		}
	}
}

// Whatever a living record names is missed if it is not there, or cut off, unless only the
// list lacks it.
func TestMissing(t *testing.T) {
	build := func() (*world, *manifest.Committed) {
		w, _ := littered(t, 3)
		w.backup(manifest.Full, w.folder(), content{segments: 1, shared: w.segmentsOf(1)})
		w.backup(manifest.Incremental, w.folder(), content{segments: 3, large: true})
		reused := w.folder() // a killed run has stored one of its two segments
		w.backup(manifest.Incremental, reused, content{segments: 2, reused: 1})
		return w, w.keep([]manifest.Seq{2, 4, 5, 6}, nil, 0, true)
	}
	named := func(w *world) (keys []string) {
		for _, seq := range []manifest.Seq{2, 4, 5, 6} {
			keys = append(keys, w.names[seq]...)
		}
		return keys
	}
	w, _ := build()
	for i := range named(w) {
		w, k := build()
		key := named(w)[i]
		c, err := w.mustRead(k).Census(t.Context(), objectsOf(shortList{w.memory, key}))
		if err != nil || len(c.Damaged) != 0 {
			t.Errorf("%s is only not listed: %+v, %v", key, c, err)
		}
		for what, harm := range map[string]func(w *world){
			"missing": func(w *world) { w.delete(key) },
			"cut off": func(w *world) {
				body := w.memory.Objects()[key]
				w.store(key, string(body[:len(body)-1]))
			},
		} {
			w, k := build()
			key = named(w)[i]
			n, err := w.read(w.memory, k, 5) // as a count does not tell of an index that it is cut off
			if err != nil {
				t.Fatal(err)
			}
			harm(w)
			c, err = n.Census(t.Context(), objectsOf(w.memory))
			var damaged []string
			if damage, ok := errors.AsType[*manifest.ObjectError](err); ok { // an index
				damaged = []string{damage.Key}
			} else if err == nil {
				for _, d := range c.Damaged {
					damaged = append(damaged, d.Key)
				}
			}
			if diff := cmp.Diff([]string{key}, damaged); diff != "" {
				t.Errorf("%s is %s: %v\n%s", key, what, err, diff)
			}
		}
	}
}

// segmentsOf returns the segments that a backup names.
func (w *world) segmentsOf(seq manifest.Seq) (segments []manifest.Segment) {
	for _, key := range w.names[seq] {
		if body := w.memory.Objects()[key]; strings.HasPrefix(key, "segments/") {
			segments = append(segments, manifest.Segment{Key: key, StoredBytes: int64(len(body)), RawBytes: 8192, SHA256: manifest.Sum(body)})
		}
	}
	return segments
}

// Requests do not grow with the number of objects, and with that of records by groups only.
func TestRequests(t *testing.T) {
	w := numbered(t, "f"+repeat("i", 99)+"f")
	for range 3 {
		w.backup(manifest.Full, w.folder(), content{segments: 1, large: true})
	}
	records, _ := w.living()
	k := w.keep(records[50:], nil, 0, true) // and 105 records are in 4 groups
	for range 2001 {
		w.put(func(sum manifest.Digest) string {
			return manifest.SegmentKey(manifest.SegmentFolder(manifest.FolderName(0, manifest.NewID())), 0, sum)
		})
	}
	var counts [3]storage.RequestCounts
	count := func(i int, f func(ctx context.Context) error) {
		var r storage.Requests
		if err := f(storage.CountRequests(t.Context(), &r)); err != nil {
			t.Fatal(err)
		}
		counts[i] = r.Counts()
	}
	j := journalOf(w.memory)
	l, err := j.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var n *Names
	count(0, func(ctx context.Context) (err error) {
		n, err = Read(ctx, j, l, Keep{k.Seq, k.Keeping, k.Keys}, nil)
		return err
	})
	count(1, func(ctx context.Context) error { _, err := n.Census(ctx, objectsOf(w.memory)); return err })
	count(2, func(ctx context.Context) error {
		_, err := n.Sweep(ctx, objectsOf(w.memory), k, time.Now().Add(-time.Hour))
		return err
	})
	want := [3]storage.RequestCounts{
		{Get: 4 + 4 + 3}, // groups, manifests of full backups, indexes
		{List: 3},
		{List: 4, Delete: 3, Head: 3},
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Error(diff)
	}
}

// crowded is a store with more dead segments than it keeps in memory. It measures the heap.
type crowded struct {
	*storagetest.Memory
	n    int
	peak uint64
}

func (s *crowded) measure() {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.peak = max(s.peak, m.HeapAlloc)
}

func (s *crowded) List(ctx context.Context, prefix, after string) iter.Seq2[storage.ObjectInfo, error] {
	if prefix != manifest.SegmentPrefix {
		return s.Memory.List(ctx, prefix, after)
	}
	folder := manifest.SegmentFolder(manifest.FolderName(0, strings.Repeat("a", 32)))
	return func(yield func(storage.ObjectInfo, error) bool) {
		for i := range s.n {
			if i%10_000 == 9_999 {
				s.measure()
			}
			if !yield(storage.ObjectInfo{Key: manifest.SegmentKey(folder, i, manifest.Digest{}), Size: 1}, nil) {
				return
			}
		}
		s.measure()
	}
}

func (s *crowded) DeleteAll(context.Context, []string) (map[string]error, error) {
	return map[string]error{}, nil
}

// A census and a sweep take as much memory for many objects as for few.
func TestMemoryIsFlat(t *testing.T) {
	var peaks []uint64
	for _, n := range []int{1_000, 100_000} {
		w, k := littered(t, 0)
		s := &crowded{Memory: w.memory, n: n}
		names := w.mustRead(k)
		c, err := names.Census(t.Context(), objectsOf(s))
		if err != nil || c.Dead.Objects != n {
			t.Fatalf("%+v, %v", c, err)
		}
		swept, err := names.Sweep(t.Context(), objectsOf(s), k, time.Time{})
		if err != nil || swept.Deleted.Objects != n {
			t.Fatalf("%+v, %v", swept, err)
		}
		peaks = append(peaks, s.peak)
	}
	if grown := int64(peaks[1]) - int64(peaks[0]); grown > 4<<20 { //nolint:gosec // bytes of a heap
		t.Errorf("%d bytes more", grown)
	}
}
