package archiver_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
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

// What was spilled is a part of the backup and is restored beside the database; caches,
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
			mustProve(t, store, archiver.Target{})
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
			if restored.Plan.RawBytes != r.Backup.RawBytes || r.Backup.RawBytes < int64(len(large)) {
				t.Errorf("%d bytes of %d", restored.Plan.RawBytes, r.Backup.RawBytes)
			}
			again := backup(t, store, path)
			if again.Backup.Kind != archiver.KindNone {
				t.Errorf("then it is %s: %s", again.Backup.Kind, again.Why)
			}
		})
	}
}

// Files that are shorter than their headers say, and stay so, are damaged: they are
// reported, and archived as they are, however many there are.
func TestDamagedSpilledVectors(t *testing.T) {
	path := copyVector(t, "v0.6.0/live")
	whole := vectorFile(2, 1, 2, 3, 4)
	foreign := append([]byte("GRAFVEC0"), whole[8:]...)
	huge := slices.Concat(whole[:8], bytes.Repeat([]byte{0xff}, 16), whole[24:])
	for name, b := range map[string][]byte{"a": whole[:len(whole)-1], "b": whole[:10], "c": nil, "d": foreign, "e": huge} {
		spill(t, path, "vectors_"+name+"%3Ax.bin", b)
		i, err := archiver.Inspect(t.Context(), path, archiver.InspectOptions{})
		if err != nil || i.Problem == nil || !strings.Contains(i.Problem.What, "vectors_a%3Ax.bin") && name == "a" {
			t.Errorf("%s: inspect says %+v, %v", name, i.Problem, err)
		}
	}
	store := storagetest.NewMemory()
	backup(t, store, path)
	mustBeWhole(t, store)
	target := filepath.Join(t.TempDir(), "db.grafeo")
	if _, err := newArchive(store).Restore(t.Context(), target, archiver.RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(contents(t, path+".spill"), contents(t, target+".spill")); diff != "" {
		t.Error(diff)
	}
	// Grafeo writes a vector before it counts it: more than the header says is no damage.
	if err := os.RemoveAll(path + ".spill"); err != nil {
		t.Fatal(err)
	}
	spill(t, path, vectorsName, append(whole, 1, 2, 3))
	if i, err := archiver.Inspect(t.Context(), path, archiver.InspectOptions{}); err != nil || i.Problem != nil {
		t.Errorf("longer: %+v, %v", i.Problem, err)
	}
}

// A spill folder that cannot be seen is not an empty one.
func TestSpillFolderThatIsNotSeen(t *testing.T) {
	link := func(t *testing.T, to, at string) {
		t.Helper()
		if err := os.Symlink(to, at); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		make  func(t *testing.T, path string) string // returns the path that is given
		about string
	}{
		"a link to nothing": {func(t *testing.T, path string) string {
			link(t, "/not/mounted", path+".spill")
			return path
		}, "db.spill is a link to nothing: /not/mounted"},
		"a file that is a link to nothing": {func(t *testing.T, path string) string {
			spill(t, path, "x", nil)
			link(t, "gone", filepath.Join(path+".spill", vectorsName))
			return path
		}, vectorsName + " is a link to nothing"},
		"beside both names": {func(t *testing.T, path string) string {
			spill(t, path, vectorsName, vectorFile(1, 1))
			spill(t, path+"2", vectorsName, vectorFile(1, 2))
			link(t, filepath.Base(path), path+"2")
			return path + "2"
		}, "beside both"},
		"a name that is no text": {func(t *testing.T, path string) string {
			spill(t, path, "vectors_\xff%3Ax.bin", nil)
			return path
		}, `vectors_\xff%3Ax.bin" cannot be archived`},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "db")
			b, err := os.ReadFile(copyVector(t, "v0.5.42/closed"))
			if err == nil {
				err = os.WriteFile(path, b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			store := storagetest.NewMemory()
			backup(t, store, path)
			before := store.Objects()
			given := c.make(t, path)
			check := func(what string, err error) {
				t.Helper()
				if err == nil || !strings.Contains(err.Error(), c.about) {
					t.Errorf("%s: %v", what, err)
				}
			}
			_, err = newArchive(store).Backup(t.Context(), given, archiver.BackupOptions{})
			check("backup", err)
			_, err = newArchive(store).Status(t.Context(), archiver.StatusOptions{Database: given})
			check("status", err)
			_, err = archiver.Inspect(t.Context(), given, archiver.InspectOptions{})
			check("inspect", err)
			if len(store.Objects()) != len(before) {
				t.Error("something was stored")
			}
		})
	}
	// Beside one of two names it is seen by either of them.
	path := copyVector(t, "v0.5.42/closed")
	spill(t, path, vectorsName, vectorFile(1, 1))
	other := filepath.Join(t.TempDir(), "other.grafeo")
	link(t, path, other)
	store := storagetest.NewMemory()
	backup(t, store, other)
	target := filepath.Join(t.TempDir(), "db.grafeo")
	if _, err := newArchive(store).Restore(t.Context(), target, archiver.RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	if len(contents(t, target+".spill")) != 1 {
		t.Error("by a link the spilled vectors are not seen")
	}
}
