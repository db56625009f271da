package archiver_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Whatever changes between full backups that refer to each other, each of them
// restores byte for byte, nothing of an earlier one is written again or
// overwritten, and a verification finds nothing.
func TestFullBackupsShareWhatIsTheSame(t *testing.T) {
	for seed := range uint64(few(20)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			store := storagetest.NewMemory()
			im := newPagedImage(t, 260+random.IntN(400))
			im.random = random
			saved := [][]uint64{slices.Clone(im.seeds)}
			var states []string
			for n := 2 + random.IntN(2); n >= 0; n-- {
				before := store.Objects()
				im.fullOf(t, store, random.IntN(10) == 0)
				after := store.Objects()
				for key, b := range before {
					if !bytes.Equal(after[key], b) {
						t.Fatalf("%s has changed", key)
					}
				}
				states = append(states, readFile(t, im.path))
				for range random.IntN(5) {
					im.changeSomehow(saved)
				}
				saved = append(saved, slices.Clone(im.seeds))
				im.write(t)
			}
			for i, want := range states {
				if restore(t, store, uint64(i+1))["db.grafeo"] != want {
					t.Fatalf("backup %d restores to something else", i+1)
				}
			}
			mustBeWhole(t, store)
		})
	}
}

// A second full backup stores what changed, wherever that is; it finds the first
// one after incrementals, and takes requests for little more than what it stores.
func TestSecondFullStoresWhatChanged(t *testing.T) {
	for name, change := range map[string]func(*pagedImage){
		"nothing":   func(*pagedImage) {},
		"scattered": func(im *pagedImage) { im.change(50, 25, 99) },
		"clustered": func(im *pagedImage) { im.change(1500, 25, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			store := storagetest.NewMemory()
			im := newPagedImage(t, 2800)
			im.fullOf(t, store, false)
			whole := storedBytes(store)
			err := os.RemoveAll(im.path + ".wal") // with the cursor
			if err != nil {
				t.Fatal(err)
			}
			withLog(t, im.path, 3)
			if r := backup(t, store, im.path); r.Backup.Kind != "incremental" {
				t.Fatalf("%+v", r)
			}
			if err := os.RemoveAll(im.path + ".wal"); err != nil {
				t.Fatal(err)
			}
			change(im)
			im.write(t)
			counting := storagetest.NewFaulty(store, nil)
			before := storedBytes(store)
			r, err := newArchive(counting).Backup(t.Context(), im.path, archiver.BackupOptions{Full: true, SegmentBytes: archiver.MinSegmentBytes, NoHold: true})
			if err != nil {
				t.Fatal(err)
			}
			stored := storedBytes(store) - before
			t.Logf("%d bytes instead of %d in %d segments, %d operations", stored, whole, r.Backup.Segments, len(counting.Calls()))
			if stored > whole/16 || r.Backup.Segments > 2 || r.Backup.ReusedBytes < r.Backup.RawBytes*95/100 {
				t.Errorf("%d bytes instead of %d, %+v", stored, whole, r)
			}
			if calls := len(counting.Calls()); calls > 16 {
				t.Errorf("%d operations: %+v", calls, counting.Calls())
			}
			if restore(t, store, r.Backup.Seq)["db.grafeo"] != readFile(t, im.path) {
				t.Error("it restores to something else")
			}
			mustBeWhole(t, store)
		})
	}
}

// However often a part of the image changes: what a restore fetches is at most
// one and a half times the image, and comes from a bounded number of runs.
func TestSharedSegmentsAreBounded(t *testing.T) {
	store := storagetest.NewMemory()
	im := newPagedImage(t, 1200)
	for n := range 24 {
		r := im.fullOf(t, store, false)
		ix := indexOf(t, store, r.Backup.Seq)
		folders := map[string]bool{}
		var raw int64
		for _, s := range ix.Segments {
			folders[manifest.SegmentFolderOf(s.Key)] = true
			raw += s.RawBytes
		}
		image := ix.Image().Bytes
		if raw > image*3/2 || len(folders) > 17 || len(ix.Segments) > int(image>>20)+3*17 {
			t.Fatalf("backup %d of %d bytes needs %d bytes of %d segments of %d runs", r.Backup.Seq, image, raw, len(ix.Segments), len(folders))
		}
		if r.Backup.Seq > 1 && r.Backup.ReusedBytes < image/10 {
			t.Errorf("backup %d shares %d of %d bytes only", r.Backup.Seq, r.Backup.ReusedBytes, image)
		}
		switch n % 3 {
		case 0:
			im.change(n*7, 24, 47)
		case 1:
			im.change(n*31, 50, 1)
		case 2:
			im.change(n, 190, 6)
		}
		im.write(t)
	}
	mustBeWhole(t, store)
}

// What an earlier backup has is referred to only if it is there. What is missing
// or damaged is stored again, as it is with Fresh.
func TestSharedWithADamagedArchive(t *testing.T) {
	for name, damage := range map[string]func(objects map[string][]byte){
		"a segment is missing": func(o map[string][]byte) { delete(o, firstKey(o, manifest.SegmentPrefix)) },
		"a segment is cut":     func(o map[string][]byte) { k := firstKey(o, manifest.SegmentPrefix); o[k] = o[k][:100] },
		"digests are missing":  func(o map[string][]byte) { delete(o, firstKey(o, manifest.PagesPrefix)) },
		"digests are damaged": func(o map[string][]byte) {
			k := firstKey(o, manifest.PagesPrefix)
			o[k] = bytes.Repeat([]byte{7}, len(o[k]))
		},
		"the index is missing": func(o map[string][]byte) { delete(o, firstKey(o, manifest.IndexPrefix)) },
	} {
		t.Run(name, func(t *testing.T) {
			store := storagetest.NewMemory()
			im := newPagedImage(t, 9000)
			im.clearEverySecondRun()
			im.write(t)
			im.fullOf(t, store, false)
			objects := maps.Clone(store.Objects())
			damage(objects)
			store = refill(t, objects)
			im.change(10, 1, 1)
			im.write(t)
			r := im.fullOf(t, store, false)
			if found := findings(t, store.Objects()); slices.ContainsFunc(found, func(f archiver.Finding) bool {
				return f.Key == manifest.Seq(r.Backup.Seq).Key() || uses(t, store, r.Backup.Seq, f.Key)
			}) {
				t.Errorf("the new backup is damaged as well: %v", found)
			}
		})
	}
}

// uses reports whether a backup needs an object.
func uses(t *testing.T, store *storagetest.Memory, seq uint64, key string) bool {
	t.Helper()
	ix := indexOf(t, store, seq)
	return slices.ContainsFunc(ix.Segments, func(s manifest.Segment) bool { return s.Key == key }) ||
		slices.ContainsFunc(ix.Image().Pages, func(p manifest.Pages) bool { return p.Key == key })
}

func firstKey(objects map[string][]byte, prefix string) string {
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		if strings.HasPrefix(key, prefix) {
			return key
		}
	}
	panic("no object " + prefix)
}

// A 0.5 image, and a small one, shares nothing, and does not pay for the attempt:
// no digests are stored, and nothing of the earlier backup is read but its
// manifest.
func TestWhatSharesNothingPaysNothing(t *testing.T) {
	old := filepath.Join(t.TempDir(), "old.grafeo")
	err := grafeotest.Image05(old, grafeotest.Image05Options{Iteration: 2, Epoch: 4, Sections: []int64{3 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"0.5": old, "small": newPagedImage(t, 100).path, "fresh": newPagedImage(t, 1000).path} {
		t.Run(name, func(t *testing.T) {
			store := storagetest.NewMemory()
			opts := archiver.BackupOptions{Full: true, Fresh: name == "fresh", NoHold: true}
			if _, err := newArchive(store).Backup(t.Context(), path, opts); err != nil {
				t.Fatal(err)
			}
			counting := storagetest.NewFaulty(store, nil)
			r, err := newArchive(counting).Backup(t.Context(), path, opts)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range counting.Calls() {
				if c.Op == storage.OpGet && (strings.HasPrefix(c.Key, manifest.PagesPrefix) || strings.HasPrefix(c.Key, manifest.IndexPrefix)) ||
					c.Op == storage.OpList && strings.HasPrefix(c.Key, manifest.SegmentPrefix) {
					t.Errorf("%+v", c)
				}
			}
			if pages := len(indexOf(t, store, r.Backup.Seq).Image().Pages); (pages > 0) != (name == "fresh") {
				t.Errorf("%d objects with digests", pages)
			}
		})
	}
}

// Zeros of an image are not stored, and are no bytes on the disk when they come
// back.
func TestHoles(t *testing.T) {
	store := storagetest.NewMemory()
	im := newPagedImage(t, 3000)
	im.clear(100, 2500)
	im.write(t)
	r := im.fullOf(t, store, false)
	var extents int64
	for _, e := range indexOf(t, store, r.Backup.Seq).Image().Extents {
		extents += e.Bytes
	}
	if extents > 700*manifest.PageBytes {
		t.Errorf("%d bytes are stored of an image of 500 pages", extents)
	}
	target := filepath.Join(t.TempDir(), "db.grafeo")
	if _, err := newArchive(store).Restore(t.Context(), target, archiver.RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(target)
	if err != nil {
		t.Fatal(err)
	}
	if got := disk.Allocated(info); got > 1500*manifest.PageBytes {
		t.Errorf("the restored file takes %d bytes", got)
	}
}

// Digests are those of FORMAT.md: with others no earlier backup could be shared
// with any more.
func TestPageDigest(t *testing.T) {
	page := make([]byte, manifest.PageBytes)
	for i := range page {
		page[i] = byte(i)
	}
	for what, c := range map[string]struct {
		page []byte
		want string
	}{
		"zeros":       {make([]byte, manifest.PageBytes), "7ef03ad18d8b51f5"},
		"a page":      {page, "26f9d30ff7831a22"},
		"a short one": {page[:100], "d59f086a3e1936f9"},
	} {
		if got := fmt.Sprintf("%x", archiver.PageDigest("0123456789abcdef0123456789abcdef", c.page)); got != c.want {
			t.Errorf("%s: %s, want %s", what, got, c.want)
		}
	}
}

// Pages that become free, as the old ones of each chunk that changes do, make
// nothing be stored again, unless little is left of what they are in.
func TestPagesThatBecomeFree(t *testing.T) {
	for freed, stored := range map[int]bool{16: false, 64: false, 80: false, 128: true} { // of 256
		store := storagetest.NewMemory()
		im := newPagedImage(t, 1024)
		first := im.fullOf(t, store, false)
		for at := 40; at < 1024; at += 256 {
			im.clear(at, freed)
		}
		im.write(t)
		if r := im.fullOf(t, store, false); (r.Backup.StoredBytes > first.Backup.StoredBytes/4) != stored {
			t.Errorf("%d of 256 pages are free: %d bytes were stored, of %d", freed, r.Backup.StoredBytes, first.Backup.StoredBytes)
		}
		mustBeWhole(t, store)
	}
}
