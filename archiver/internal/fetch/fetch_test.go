package fetch_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/fetch"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal/sealtest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
	"github.com/gbak-s3/gbak-s3/internal/crc32combine"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// archived stores a file with a hole in two segments of two frames each, and returns what it
// is of.
func archived(t *testing.T, store storage.Storage, ring *seal.Ring) (*manifest.Index, []byte) {
	t.Helper()
	e, err := segment.NewEncoder(segment.Fastest)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.NewChaCha8([32]byte{1})
	file := make([]byte, 5000)
	_, _ = random.Read(file)
	clear(file[2000:3000])
	var sum crc32combine.Parts
	sum.Add(crc32combine.PartOf(0, file))
	b := manifest.NewIndexBuilder()
	b.AddFile(manifest.File{Name: "file", Bytes: 5000, CRC32: sum.Sum(5000)})
	for n, cuts := range [][3]int64{{0, 500, 2000}, {3000, 4500, 5000}} {
		var body []byte
		var frames []manifest.Frame
		for i := range 2 {
			start := len(body)
			raw := file[cuts[i]:cuts[i+1]]
			if body, err = e.AppendFrame(body, raw); err != nil {
				t.Fatal(err)
			}
			frames = append(frames, manifest.Frame{
				Offset: int64(start), StoredBytes: int64(len(body) - start), RawBytes: int64(len(raw)),
			})
		}
		if body, err = ring.SealData(nil, body); err != nil {
			t.Fatal(err)
		}
		s := manifest.Segment{StoredBytes: int64(len(body)), RawBytes: cuts[2] - cuts[0], SHA256: manifest.Sum(body)}
		s.Key = manifest.SegmentKey("segments/0/", n, s.SHA256) + ring.Suffix()
		if _, err := store.Put(t.Context(), s.Key, bytes.NewReader(body), storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		for i, f := range frames {
			b.AddExtent(0, manifest.Extent{Offset: cuts[i], Bytes: cuts[i+1] - cuts[i], Frame: b.AddFrame(s, f)})
		}
	}
	return b.Index(), file
}

// onEachRing tests without and with encryption.
func onEachRing(t *testing.T, test func(t *testing.T, ring *seal.Ring)) {
	for name, ring := range sealtest.Rings(t) {
		t.Run(name, func(t *testing.T) { test(t, ring) })
	}
}

func storeOf(s storage.Storage, ring *seal.Ring) *objects.Store {
	return &objects.Store{Storage: s, Patience: time.Minute, Log: slog.New(slog.DiscardHandler), Ring: ring}
}

func fetchAll(t *testing.T, s storage.Storage, ring *seal.Ring, ix *manifest.Index, broken func(int, *manifest.ObjectError)) ([]byte, *fetch.Sums, error) {
	t.Helper()
	got := make([]byte, ix.Files[0].Bytes)
	var mu sync.Mutex
	sums, err := fetch.All(t.Context(), fetch.Options{
		Store: storeOf(s, ring), Workers: 2, Index: ix, ManifestKey: func(int) string { return "manifest" }, Tracker: progress.Track(t.Context(), 1), Broken: broken,
		Use: func(_ int, offset int64, p []byte) error {
			mu.Lock()
			defer mu.Unlock()
			copy(got[offset:], p)
			return nil
		},
	})
	return got, sums, err
}

func TestAll(t *testing.T) { onEachRing(t, isFetched) }

func isFetched(t *testing.T, ring *seal.Ring) {
	store := storagetest.NewMemory()
	ix, file := archived(t, store, ring)
	got, sums, err := fetchAll(t, store, ring, ix, nil)
	if err != nil || !bytes.Equal(got, file) {
		t.Fatalf("other bytes are fetched: %v", err)
	}
	if err := sums.Check(); err != nil {
		t.Error(err)
	}
	ix.Files[0].CRC32++
	if err := sums.CheckFile(0); err == nil || err.Key != "manifest" {
		t.Errorf("of another checksum: %v", err)
	}
}

// A segment that is damaged or missing ends the run, or is reported while the others are read.
func TestBrokenSegments(t *testing.T) { onEachRing(t, findsBrokenSegments) }

func findsBrokenSegments(t *testing.T, ring *seal.Ring) {
	for _, isMissing := range []bool{false, true} {
		store := storagetest.NewMemory()
		ix, file := archived(t, store, ring)
		key := ix.Segments[1].Key
		body := append([]byte(nil), store.Objects()[key]...)
		body[len(body)/2] ^= 1
		err := store.Delete(t.Context(), key)
		if err == nil && !isMissing {
			_, err = store.Put(t.Context(), key, bytes.NewReader(body), storage.PutOptions{})
		}
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = fetchAll(t, store, ring, ix, nil)
		if object, ok := errors.AsType[*manifest.ObjectError](err); !ok || object.Key != key {
			t.Errorf("missing: %v: %v", isMissing, err)
		}
		var broken []int
		got, _, err := fetchAll(t, store, ring, ix, func(n int, _ *manifest.ObjectError) { broken = append(broken, n) })
		if err != nil || len(broken) != 1 || broken[0] != 1 || !bytes.Equal(got[:3000], file[:3000]) {
			t.Errorf("missing: %v: broken: %v, %v", isMissing, broken, err)
		}
	}
}

// A file can be read in any order, holes included.
func TestFile(t *testing.T) { onEachRing(t, isReadInAnyOrder) }

func isReadInAnyOrder(t *testing.T, ring *seal.Ring) {
	store := storagetest.NewMemory()
	ix, file := archived(t, store, ring)
	files, err := fetch.Open(t.Context(), storeOf(store, ring), ix)
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	f := files.Of(&ix.Files[0])
	if err := iotest.TestReader(io.NewSectionReader(f, 0, 5000), file); err != nil {
		t.Error(err)
	}
	p := make([]byte, 10)
	if n, err := f.ReadAt(p, 4995); n != 5 || !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %d bytes, %v", n, err)
	}
	if _, err := f.ReadAt(p, -1); err == nil {
		t.Error("there is something before the file")
	}
}

func TestFileOfBrokenSegment(t *testing.T) { onEachRing(t, blamesBrokenSegment) }

func blamesBrokenSegment(t *testing.T, ring *seal.Ring) {
	store := storagetest.NewMemory()
	ix, _ := archived(t, store, ring)
	key := ix.Segments[1].Key
	for _, size := range []int{-1, 0, 3} {
		err := store.Delete(t.Context(), key)
		if err == nil && size >= 0 {
			_, err = store.Put(t.Context(), key, bytes.NewReader(make([]byte, size)), storage.PutOptions{})
		}
		if err != nil {
			t.Fatal(err)
		}
		files, err := fetch.Open(t.Context(), storeOf(store, ring), ix)
		if err != nil {
			t.Fatal(err)
		}
		_, err = files.Of(&ix.Files[0]).ReadAt(make([]byte, 1), 4000)
		if object, ok := errors.AsType[*manifest.ObjectError](err); !ok || object.Key != key {
			t.Errorf("with %d bytes: %v", size, err)
		}
		files.Close()
	}
}
