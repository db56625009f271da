package archiver_test

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// vectorFile is a file of spilled vectors, as Grafeo writes it.
func vectorFile(dimensions int, values ...float32) []byte {
	count := len(values) / dimensions
	b := append([]byte("GRAFVEC1"), make([]byte, 56)...)
	binary.LittleEndian.PutUint64(b[8:], uint64(dimensions))
	binary.LittleEndian.PutUint64(b[16:], uint64(count))
	binary.LittleEndian.PutUint64(b[24:], 1)
	for i := range count {
		b = binary.LittleEndian.AppendUint64(b, uint64(i))
		for _, v := range values[i*dimensions : (i+1)*dimensions] {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	return b
}

const vectorsName = "vectors_Doc%3Aemb.bin"

// spill writes a file below the spill folder of the database at path.
func spill(t testing.TB, path, name string, b []byte) {
	t.Helper()
	at := filepath.Join(path+".spill", filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o700), os.WriteFile(at, b, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// aged makes all files of a spill folder old enough for their times to count.
func aged(t *testing.T, path string) {
	t.Helper()
	old := time.Now().Add(-time.Hour)
	err := filepath.WalkDir(path+".spill", func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chtimes(path, old, old))
	})
	if err != nil {
		t.Fatal(err)
	}
}

var bothClosed = []string{"v0.5.42/closed", "v0.6.0/closed", "v0.5.42/live", "v0.6.0/live"}

// What was spilled is a part of the backup and comes back beside the database; caches,
// what queries swap out, and what is of others is not.
func TestSpilledVectorsComeBack(t *testing.T) {
	for _, vector := range bothClosed {
		t.Run(vector, func(t *testing.T) {
			path := copyVector(t, vector)
			large := vectorFile(1000, make([]float32, 1_500_000)...)
			for i := range large[64:] {
				large[64+i] = byte(i * i >> 7)
			}
			spill(t, path, vectorsName, vectorFile(3, 1, 2, 3, 4, 5, 6))
			spill(t, path, "vectors_Größe%3Ae%25.bin", large)
			spill(t, path, "kept/vectors_Old%3Aemb.bin.1", []byte("short"))
			spill(t, path, "empty", nil)
			for _, name := range []string{"cache/vectors_Doc%3Aemb.bin", "sort_1.spill", "spill.tmp", ".DS_Store", "query_7/sort_0.spill"} {
				spill(t, path, name, []byte("not of the database"))
			}
			store := storagetest.NewMemory()
			r := backup(t, store, path)
			mustBeWhole(t, store)
			target := filepath.Join(t.TempDir(), "db.grafeo")
			if err := os.Mkdir(target+".spill", 0o700); err != nil { // an empty one does not matter
				t.Fatal(err)
			}
			restored, err := newArchive(store).Restore(t.Context(), target, archiver.RestoreOptions{})
			if err != nil {
				t.Fatal(err)
			}
			want := wholePart(t, path)
			for name, b := range map[string]string{
				vectorsName:                    string(vectorFile(3, 1, 2, 3, 4, 5, 6)),
				"vectors_Größe%3Ae%25.bin":     string(large),
				"kept/vectors_Old%3Aemb.bin.1": "short",
				"empty":                        "",
			} {
				want[filepath.Join("db.grafeo.spill", name)] = b
			}
			if diff := cmp.Diff(want, contents(t, filepath.Dir(target))); diff != "" {
				t.Error(diff)
			}
			if restored.RawBytes != r.RawBytes || r.RawBytes < int64(len(large)) {
				t.Errorf("%d bytes of %d", restored.RawBytes, r.RawBytes)
			}
			again := backup(t, store, path)
			if again.Kind != archiver.KindNone {
				t.Errorf("then it is %s: %s", again.Kind, again.Why)
			}
		})
	}
}

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
		"longer":               {func(t *testing.T, path string) { spill(t, path, vectorsName, vectorFile(2, 1, 2, 3, 4)) }, vectorsName + " has another size"},
		"another content":      {func(t *testing.T, path string) { spill(t, path, vectorsName, other) }, vectorsName + " has another content"},
		"another content, old": {func(t *testing.T, path string) { spill(t, path, vectorsName, other); aged(t, path) }, vectorsName + " has another content"},
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
					if r.Kind != archiver.KindNone {
						t.Fatalf("%s: %s", r.Kind, r.Why)
					}
				} else if r.Kind != string(manifest.Full) || !strings.Contains(r.Why, c.why) || r.Timeline != 1 {
					t.Fatalf("%s on timeline %d: %s", r.Kind, r.Timeline, r.Why)
				}
				target := filepath.Join(t.TempDir(), "db.grafeo")
				if _, err := newArchive(store).Restore(t.Context(), target, archiver.RestoreOptions{}); err != nil {
					t.Fatal(err)
				}
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
