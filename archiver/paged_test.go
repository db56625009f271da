package archiver_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// pagedImage is a 0.6 image whose chunks are single pages, so that any page can
// be changed alone.
type pagedImage struct {
	path      string
	iteration uint64
	seeds     []uint64 // a page each; 0 is a page of zeros
	random    *rand.Rand
}

func newPagedImage(t testing.TB, pages int) *pagedImage {
	t.Helper()
	im := &pagedImage{path: filepath.Join(t.TempDir(), "paged.grafeo"), random: rand.New(rand.NewPCG(1, 2))}
	im.append(pages)
	im.write(t)
	return im
}

func (im *pagedImage) append(pages int) {
	for range pages {
		im.seeds = append(im.seeds, im.random.Uint64()|1)
	}
}

// change writes new content to so many pages from page first on, every step-th.
func (im *pagedImage) change(first, pages, step int) {
	for i := first; i < len(im.seeds) && pages > 0; i, pages = i+step, pages-1 {
		im.seeds[i] = im.random.Uint64() | 1
	}
}

func (im *pagedImage) clear(first, pages int) {
	first = min(first, len(im.seeds))
	clear(im.seeds[first:min(first+pages, len(im.seeds))])
}

func (im *pagedImage) write(t testing.TB) {
	t.Helper()
	im.iteration++
	err := grafeotest.Image06(im.path, grafeotest.Image06Options{
		Iteration: im.iteration, Epoch: 7, Size: int64(len(im.seeds)) * manifest.PageBytes, ChunkSize: manifest.PageBytes, Compressible: 0.5,
		Seed:  func(chunk int) uint64 { return im.seeds[chunk] },
		Blank: func(chunk int) bool { return im.seeds[chunk] == 0 },
	})
	if err != nil {
		t.Fatal(err)
	}
}

// fullOf takes a full backup of the image, which must restore to just its bytes.
func (im *pagedImage) fullOf(t testing.TB, store storage.Storage, fresh bool) archiver.BackupReport {
	t.Helper()
	r, err := newArchive(store).Backup(t.Context(), im.path, archiver.BackupOptions{Full: true, Fresh: fresh, SegmentBytes: archiver.MinSegmentBytes})
	if err != nil {
		t.Fatal(err)
	}
	if got := restore(t, store, r.Backup.Seq)["db.grafeo"]; got != readFile(t, im.path) {
		t.Fatalf("backup %d restores to something else", r.Backup.Seq)
	}
	return r
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func indexOf(t testing.TB, store *storagetest.Memory, seq uint64) *manifest.Index {
	t.Helper()
	objects := store.Objects()
	m := manifestOf(t, objects, seq)
	if m.Content != nil {
		return m.Content
	}
	return indexAt(t, objects, m)
}

func storedBytes(store *storagetest.Memory) (n int) {
	for _, b := range store.Objects() {
		n += len(b)
	}
	return n
}

// changeSomehow changes an image as a database may between two backups; it may also bring
// back an earlier one.
func (im *pagedImage) changeSomehow(saved [][]uint64) {
	at, some := im.random.IntN(len(im.seeds)+1), 1+im.random.IntN(300)
	switch im.random.IntN(7) {
	case 0:
		im.change(at, some, 1)
	case 1, 2:
		im.change(at, some, 2+im.random.IntN(99))
	case 3:
		im.clear(at, some)
	case 4:
		im.append(some)
	case 5:
		im.seeds = im.seeds[:max(len(im.seeds)-some, 1)]
	case 6:
		im.seeds = slices.Clone(saved[im.random.IntN(len(saved))])
	}
}

// clearEverySecondRun makes the index large, so that it is an object of its own.
func (im *pagedImage) clearEverySecondRun() {
	for at := 0; at < len(im.seeds); at += 24 {
		im.clear(at, 17)
	}
}
