package grafeo

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// vector is the path of a file in testdata.
func vector(elements ...string) string {
	return filepath.Join("testdata", filepath.Join(elements...))
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

// logFiles is a folder with log files, by name.
func logFolder(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "x.grafeo.wal")
	for name, b := range files {
		writeFile(t, filepath.Join(dir, name), b)
	}
	return dir
}

// readBytes is ReadImage and Check of the container b.
func readBytes(t testing.TB, b []byte) (*Image, error) {
	t.Helper()
	r := bytes.NewReader(b)
	im, err := ReadImage(r, int64(len(b)), "x.grafeo")
	if err != nil {
		return im, err
	}
	return im, im.Check(t.Context(), r)
}

func mustRead(t testing.TB, b []byte) *Image {
	t.Helper()
	im, err := readBytes(t, b)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

// scanAll scans a log and collects its commits.
func scanAll(dir string, gen Generation, opts ScanOptions) (*Log, []Commit, error) {
	var commits []Commit
	opts.Visit = func(c Commit) error {
		commits = append(commits, c)
		return nil
	}
	l, err := ScanLog(dir, gen, opts)
	return l, commits, err
}

func mustScan(t testing.TB, dir string, gen Generation, opts ScanOptions) (*Log, []Commit) {
	t.Helper()
	l, commits, err := scanAll(dir, gen, opts)
	if err != nil {
		t.Fatal(err)
	}
	return l, commits
}

func epochs(commits []Commit) []uint64 {
	var list []uint64
	for _, c := range commits {
		if c.HasEpoch {
			list = append(list, c.Epoch)
		}
	}
	return list
}

// journal is what the database reported when a vector was made, a commit a line.
type journal struct {
	Epoch uint64 `json:"epoch"`
	Time  int64  `json:"ts_ms"`
	Nodes uint64 `json:"nodes"`
	Edges uint64 `json:"edges"`
}

func readJournal(t testing.TB, path string) []journal {
	t.Helper()
	var lines []journal
	for line := range bytes.Lines(readFile(t, path)) {
		var j journal
		if err := json.Unmarshal(line, &j); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, j)
	}
	return lines
}

// damageAt demands a DamageError at an offset.
func damageAt(t testing.TB, err error, offset int64) {
	t.Helper()
	var damage *DamageError
	if !errors.As(err, &damage) || !errors.Is(err, ErrDamaged) {
		t.Fatalf("error %v, want damage at %d", err, offset)
	}
	if damage.Offset != offset {
		t.Fatalf("damage at %d, want %d: %v", damage.Offset, offset, err)
	}
}
