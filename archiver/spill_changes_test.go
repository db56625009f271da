package archiver_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// A file that is new, changed or gone makes the next backup a full one, and status says
// so beforehand; one that has only been touched does not.
func TestSpilledVectorsThatChange(t *testing.T) {
	one := vectorFile(2, 1, 2)
	other := vectorFile(2, 1, 3)
	for name, c := range map[string]struct {
		change func(t *testing.T, path string)
		why    string // "" for nothing new
	}{
		"nothing":              {func(*testing.T, string) {}, ""},
		"touched":              {aged, ""},
		"an empty folder more": {func(t *testing.T, path string) { spill(t, path, "cache/x", one) }, ""},
		"written again":        {func(t *testing.T, path string) { spill(t, path, vectorsName, one) }, ""},
		"longer":               {func(t *testing.T, path string) { spill(t, path, vectorsName, vectorFile(2, 1, 2, 3, 4)) }, vectorsName + " has a different size"},
		"another content":      {func(t *testing.T, path string) { spill(t, path, vectorsName, other) }, vectorsName + " has different content"},
		"another content, old": {func(t *testing.T, path string) { spill(t, path, vectorsName, other); aged(t, path) }, vectorsName + " has different content"},
		"one more":             {func(t *testing.T, path string) { spill(t, path, "vectors_B%3Ab.bin", one) }, "vectors_B%3Ab.bin is new"},
		"set aside": {func(t *testing.T, path string) {
			spill(t, path, "kept/"+vectorsName, one)
			_ = os.Remove(filepath.Join(path+".spill", vectorsName))
		}, vectorsName + " is new"},
		"gone":       {func(t *testing.T, path string) { _ = os.Remove(filepath.Join(path+".spill", vectorsName)) }, vectorsName + " is gone"},
		"folder too": {func(t *testing.T, path string) { _ = os.RemoveAll(path + ".spill") }, vectorsName + " is gone"},
	} {
		for _, vector := range bothClosed {
			t.Run(name+", "+vector, func(t *testing.T) {
				path := copyVector(t, vector)
				spill(t, path, vectorsName, one)
				store := storagetest.NewMemory()
				backup(t, store, path)
				c.change(t, path)
				status, err := newArchive(store).Status(t.Context(), archiver.StatusOptions{Database: path})
				if err != nil {
					t.Fatal(err)
				}
				b := status.Behind
				if behind := !b.Continues || b.Commits > 0; behind != (c.why != "") || !strings.Contains(b.Why, c.why) {
					t.Errorf("status says %+v", b)
				}
				r := backup(t, store, path)
				if c.why == "" {
					if r.Backup.Kind != archiver.KindNone {
						t.Fatalf("%s: %s", r.Backup.Kind, r.Why)
					}
				} else if r.Backup.Kind != archiver.KindFull || !strings.Contains(r.Why, c.why) || r.Backup.Timeline != 1 {
					t.Fatalf("%s on timeline %d: %s", r.Backup.Kind, r.Backup.Timeline, r.Why)
				}
				target := filepath.Join(t.TempDir(), "db.grafeo")
				if _, err := newArchive(store).Restore(t.Context(), target, archiver.RestoreOptions{}); err != nil {
					t.Fatal(err)
				}
				mustProve(t, store, archiver.Target{})
				want := map[string]string{}
				if _, err := os.Stat(path + ".spill"); err == nil {
					want = contents(t, path+".spill")
					delete(want, filepath.Join("cache", "x"))
				}
				got := map[string]string{}
				if _, err := os.Stat(target + ".spill"); err == nil {
					got = contents(t, target+".spill")
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
				mustBeWhole(t, store)
			})
		}
	}
}

// changing calls change before the first put of a segment is done.
type changing struct {
	*storagetest.Memory
	change func()
	once   sync.Once
}

func (c *changing) Put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.PutResult, error) {
	if strings.HasPrefix(key, manifest.SegmentPrefix) {
		c.once.Do(c.change)
	}
	return c.Memory.Put(ctx, key, body, opts)
}

// What changes in the spill folder during a backup is not mixed with an image of before:
// the backup has the state that is there in the end.
func TestSpillFolderChangesDuringBackup(t *testing.T) {
	one := vectorFile(2, 1, 2)
	for name, change := range map[string]func(t *testing.T, path string){
		"another content": func(t *testing.T, path string) { spill(t, path, vectorsName, vectorFile(2, 7, 8)) },
		"longer":          func(t *testing.T, path string) { spill(t, path, vectorsName, vectorFile(2, 1, 2, 3, 4)) },
		"one more":        func(t *testing.T, path string) { spill(t, path, "vectors_B%3Ab.bin", one) },
		"none":            func(_ *testing.T, path string) { _ = os.RemoveAll(path + ".spill") },
		"another file": func(t *testing.T, path string) {
			spill(t, path, "x.tmp", one)
			spilledTo := filepath.Join(path+".spill", vectorsName)
			if err := os.Rename(filepath.Join(path+".spill", "x.tmp"), spilledTo); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := copyVector(t, "v0.5.42/closed")
			spill(t, path, vectorsName, one)
			aged(t, path)
			memory := storagetest.NewMemory()
			changed := false
			store := &changing{Memory: memory, change: func() { change(t, path); changed = true }}
			backup(t, store, path)
			if !changed {
				t.Fatal("nothing has changed")
			}
			target := filepath.Join(t.TempDir(), "db.grafeo")
			if _, err := newArchive(memory).Restore(t.Context(), target, archiver.RestoreOptions{}); err != nil {
				t.Fatal(err)
			}
			want, got := map[string]string{}, map[string]string{}
			if _, err := os.Stat(path + ".spill"); err == nil {
				want = contents(t, path+".spill")
			}
			if _, err := os.Stat(target + ".spill"); err == nil {
				got = contents(t, target+".spill")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
