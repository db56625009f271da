package pack

import (
	"context"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/fetch"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/sent"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// segmentsIn returns how many segments there are. Digests of pages are sent again where they
// are encrypted.
func segmentsIn(store *storagetest.Memory) (n int) {
	for key := range store.Objects() {
		if strings.HasPrefix(key, manifest.SegmentPrefix) {
			n++
		}
	}
	return n
}

func mustPack(t *testing.T, p *Packer, path string, b []byte) Packed {
	t.Helper()
	c, err := p.Store(t.Context(), sourceOf(path, b))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func packerFor(store storage.Storage, ring *seal.Ring, workers int) *Packer {
	head := headOf(store)
	head.Store.Ring = ring
	return New(head, Options{
		SegmentBytes: 1 << 20, Level: segment.Fastest, Workers: workers, Log: slog.New(slog.DiscardHandler), Sent: sent.InMemory(),
	})
}

func mustWrite(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func headOf(store storage.Storage) *commit.Head {
	s := &objects.Store{Storage: store, Patience: time.Second, Log: slog.New(slog.DiscardHandler)}
	honoured := func(context.Context) (manifest.Verdict, error) { return manifest.Honoured, nil }
	var head *commit.Head
	err := commit.Update(context.Background(), journal.New(s, ""), commit.UpdateOptions{Probe: honoured}, func(h *commit.Head) error {
		head = h
		return nil
	})
	if err != nil {
		panic(err)
	}
	head.Archive = &manifest.Archive{ArchiveID: "an id"}
	return head
}

func sourceOf(path string, b []byte) *capture.Source {
	whole := grafeo.Range{Length: int64(len(b)), CRC32: crc32.ChecksumIEEE(b), What: "all of it"}
	return &capture.Source{
		Path: path, Kind: manifest.Full,
		Image: &grafeo.Image{Generation: grafeo.Gen06, Size: int64(len(b)), Proof: []grafeo.Range{whole}},
		Files: []capture.File{{
			Name: manifest.ImageName, Path: path, Bytes: int64(len(b)), Proof: grafeo.NewProof(path, []grafeo.Range{whole}),
		}},
	}
}

// fill fetches the only file of an index into b.
func fill(t *testing.T, store storage.Storage, ring *seal.Ring, ix *manifest.Index, b []byte) {
	t.Helper()
	var mu sync.Mutex
	head := headOf(store)
	head.Store.Ring = ring
	sums, err := fetch.All(t.Context(), fetch.Options{
		Store: head.Store, Workers: 2, Index: ix, ManifestKey: func(int) string { return "manifest" }, Tracker: progress.Track(t.Context(), int64(len(b))),
		Use: func(_ int, offset int64, p []byte) error {
			mu.Lock()
			defer mu.Unlock()
			copy(b[offset:], p)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := sums.Check(); err != nil {
		t.Fatal(err)
	}
}

// forgetful says that it has stored what it has not.
type forgetful struct{ *storagetest.Memory }

func (forgetful) Put(context.Context, string, io.ReadSeeker, storage.PutOptions) (storage.PutResult, error) {
	return storage.PutResult{}, nil
}
