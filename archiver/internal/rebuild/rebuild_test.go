package rebuild_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/rebuild"
	"github.com/gbak-s3/gbak-s3/archiver/internal/staging"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
	"github.com/gbak-s3/gbak-s3/internal/crc32combine"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// archived stores an image, a segment for each half of it, and returns a plan to restore it.
func archived(t *testing.T, store storage.Storage, image []byte) *catalog.Plan {
	t.Helper()
	e, err := segment.NewEncoder(segment.Fastest)
	if err != nil {
		t.Fatal(err)
	}
	var sum crc32combine.Parts
	sum.Add(crc32combine.PartOf(0, image))
	b := manifest.NewIndexBuilder()
	b.AddFile(manifest.File{Name: manifest.ImageName, Bytes: int64(len(image)), CRC32: sum.Sum(int64(len(image)))})
	half := len(image) / 2
	for n, raw := range [][]byte{image[:half], image[half:]} {
		body, err := e.AppendFrame(nil, raw)
		if err != nil {
			t.Fatal(err)
		}
		size := int64(len(raw))
		s := manifest.Segment{StoredBytes: int64(len(body)), RawBytes: size, SHA256: manifest.Sum(body)}
		s.Key = manifest.SegmentKey("segments/0/", n, s.SHA256)
		if _, err := store.Put(t.Context(), s.Key, bytes.NewReader(body), storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		frame := b.AddFrame(s, manifest.Frame{StoredBytes: s.StoredBytes, RawBytes: size})
		b.AddExtent(0, manifest.Extent{Offset: int64(n * half), Bytes: size, Frame: frame})
	}
	m := &manifest.Committed{Manifest: &manifest.Manifest{Seq: 1, Kind: manifest.Full, Database: manifest.Database{Generation: "0.6"}}}
	plan, err := catalog.NewPlan(&catalog.Route{Chain: []*manifest.Committed{m}}, []*manifest.Index{b.Index()}, catalog.Target{})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func open(t *testing.T, target string, plan *catalog.Plan) *staging.Folder {
	t.Helper()
	s, err := staging.Open(disk.OS{}, target, staging.Options{
		Database: &plan.Route.Last().Database, Chain: plan.Digests(), Segments: plan.Segments(), SyncEvery: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func filler(store storage.Storage) *rebuild.Filler {
	return &rebuild.Filler{
		Store:   &objects.Store{Storage: store, Patience: time.Minute, Log: slog.New(slog.DiscardHandler)},
		Workers: 1,
	}
}

// An image is filled without its first page, which it gets when it is published.
func TestFill(t *testing.T) {
	store := storagetest.NewMemory()
	image := []byte(strings.Repeat("an image ", 10_000))
	plan := archived(t, store, image)
	target := filepath.Join(t.TempDir(), "db")
	s := open(t, target, plan)
	if err := filler(store).Fill(t.Context(), s, plan); err != nil {
		t.Fatal(err)
	}
	staged, err := os.ReadFile(s.Path(staging.ImageFile))
	if err != nil || !bytes.Equal(staged[:4096], make([]byte, 4096)) || !bytes.Equal(staged[4096:], image[4096:]) {
		t.Errorf("staged is something else, %v", err)
	}
	if _, err := s.Publish(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(target); err != nil || !bytes.Equal(got, image) {
		t.Errorf("published is something else, %v", err)
	}
	if err := s.Discard(); err != nil {
		t.Error(err)
	}
}

// After a segment could not be read, what was fetched before is kept, and not fetched again.
func TestFillContinues(t *testing.T) {
	store := storagetest.NewMemory()
	image := []byte(strings.Repeat("an image ", 500_000))
	plan := archived(t, store, image)
	second := plan.Index.Segments[1].Key
	body := store.Objects()[second]
	if err := store.Delete(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	// The first half has the first page, so it is not noted: swap them.
	ix := plan.Index
	ix.Segments[0], ix.Segments[1] = ix.Segments[1], ix.Segments[0]
	ix.Frames[0].Segment, ix.Frames[1].Segment = 1, 0
	first := ix.Segments[1].Key
	firstBody := store.Objects()[first]
	if _, err := store.Put(t.Context(), second, bytes.NewReader(body), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := store.Delete(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(t.TempDir(), "db")
	s := open(t, target, plan)
	err := filler(store).Fill(t.Context(), s, plan)
	if _, ok := errors.AsType[*manifest.ObjectError](err); !ok {
		t.Fatalf("without a segment: %v", err)
	}
	if !s.Keep(err, false) {
		t.Fatal("nothing is kept")
	}
	_ = s.Leave(err, plan.Cost.RawBytes)

	if _, err := store.Put(t.Context(), first, bytes.NewReader(firstBody), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := store.Delete(t.Context(), second); err != nil { // it is not needed any more
		t.Fatal(err)
	}
	s = open(t, target, plan)
	if err := filler(store).Fill(t.Context(), s, plan); err != nil {
		t.Fatal(err)
	}
	if got, want := s.Notes.Resumed(), int64(len(image)/2); got != want {
		t.Errorf("%d bytes are resumed, want %d", got, want)
	}
	if _, err := s.Publish(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(target); err != nil || !bytes.Equal(got, image) {
		t.Errorf("published is something else, %v", err)
	}
	if err := s.Discard(); err != nil {
		t.Error(err)
	}
}

// A file whose checksum is another one is not restored, nor kept.
func TestFillChecks(t *testing.T) {
	store := storagetest.NewMemory()
	plan := archived(t, store, []byte(strings.Repeat("an image ", 500_000)))
	plan.Index.Files[0].CRC32++
	s := open(t, filepath.Join(t.TempDir(), "db"), plan)
	err := filler(store).Fill(t.Context(), s, plan)
	if object, ok := errors.AsType[*manifest.ObjectError](err); !ok || object.Key != manifest.Seq(1).Key() {
		t.Errorf("the error is %v", err)
	}
	if s.Keep(err, false) {
		t.Error("it is kept")
	}
	if err := s.Discard(); err != nil {
		t.Error(err)
	}
}
