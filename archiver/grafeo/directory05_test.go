package grafeo

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A directory is a database if it has a log of 0.5 in the folder wal.
func TestIsDirectory(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"wal/wal_00000000.log":             true,
		"wal/wal_00000007.log":             true,
		"wal/wal_00000000000000000000.log": false, // of 0.6
		"wal/checkpoint.meta":              false,
		"wal_00000000.log":                 false, // a log folder
		"wal":                              false, // a file
		"other/wal_00000000.log":           false,
	} {
		path := filepath.Join(t.TempDir(), "db")
		writeFile(t, filepath.Join(path, filepath.FromSlash(name)), nil)
		if got := IsDirectory(path); got != want {
			t.Errorf("%s: %t", name, got)
		}
		generation, err := Identify(path)
		if want != (generation == Gen05 && err == nil) || !want && !errors.Is(err, ErrNotDatabase) {
			t.Errorf("%s: %q, %v", name, generation, err)
		}
		logs := path + ".wal"
		if want {
			logs = filepath.Join(path, "wal")
		}
		if got := LogDir(path); got != logs {
			t.Errorf("%s: its log is in %s", name, got)
		}
	}
}

// The id is made from the first commit, whatever comes after it; there is none before that
// is whole.
func TestNameOfADirectory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	id := func(log []byte) string {
		t.Helper()
		writeFile(t, filepath.Join(path, "wal", "wal_00000000.log"), log)
		image, err := ReadDirectory(path)
		if err != nil || !image.Directory || !image.Empty || image.Generation != Gen05 || image.Created.IsZero() {
			t.Fatalf("%+v, %v", image, err)
		}
		return image.DatabaseID
	}
	first := commit05(1, "\x00a")
	name := id(first)
	if name == UnknownDirectory || id(slices.Concat(first, commit05(2, "\x00b"))) != name || id(commit05(1, "\x00b")) == name {
		t.Errorf("named %q", name)
	}
	advance := len(frame05("\x26\x01"))
	for n := range len(first) - advance {
		if got := id(first[:n]); got != UnknownDirectory {
			t.Errorf("%d bytes are named %q", n, got)
		}
	}
	if id(first[:len(first)-advance]) != name {
		t.Error("the name needs the epoch")
	}
	long := slices.Concat(frame05("\x00"+string(make([]byte, 2*firstCommitBytes05))), commit05(1))
	if id(long) == UnknownDirectory || id(long) != id(long[:firstCommitBytes05]) {
		t.Error("a long commit names nothing")
	}
	writeFile(t, filepath.Join(path, "wal", "wal_00000001.log"), nil)
	if err := os.Remove(filepath.Join(path, "wal", "wal_00000000.log")); err != nil {
		t.Fatal(err)
	}
	if image, err := ReadDirectory(path); err != nil || image.DatabaseID != UnknownDirectory {
		t.Errorf("without its beginning: %+v, %v", image, err)
	}
}

func TestFirstFile05(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for content, want := range map[string]uint64{"\x03\x02\x00\x04": 2, "\x03\x02": 0, "\x03\xfb\x00\x01\x00\x04": 256,
		"": 0, "\x03": 0, "\xff\x02": 0} {
		writeFile(t, filepath.Join(dir, "checkpoint.meta"), []byte(content))
		if got, err := FirstFile05(dir); got != want || err != nil {
			t.Errorf("%q: %d, %v", content, got, err)
		}
	}
	if got, err := FirstFile05(t.TempDir()); got != 0 || err != nil {
		t.Errorf("without the file: %d, %v", got, err)
	}
}

// A log that ends without an EpochAdvance ends with a commit if something was changed
// and not aborted; where an earlier scan ended, it is one again.
func TestClosing05(t *testing.T) {
	t.Parallel()
	data, tc, abort, mark := frame05("\x00a"), frame05("\x23\x02"), frame05("\x24\x02"), frame05("\x25\x02")
	one := commit05(1, "\x00a")
	for name, c := range map[string]struct {
		rest [][]byte
		want []uint64
		left int // uncommitted
	}{
		"nothing":            {nil, []uint64{1}, 0},
		"a bare one":         {[][]byte{tc}, []uint64{1}, 0},
		"changes":            {[][]byte{data, tc}, []uint64{1, 2}, 0},
		"open":               {[][]byte{data}, []uint64{1}, len(data)},
		"open, a checkpoint": {[][]byte{data, mark}, []uint64{1}, len(data) + len(mark)},
		"aborted":            {[][]byte{data, abort, tc}, []uint64{1}, 0},
		"aborted, and more":  {[][]byte{data, abort, data, tc}, []uint64{1, 2}, 0},
		"changes, and more":  {[][]byte{data, tc, data}, []uint64{1, 2}, len(data)},
		"a checkpoint after": {[][]byte{data, tc, mark}, []uint64{1, 2}, 0},
		"two":                {[][]byte{data, tc, data, tc, data, abort, tc}, []uint64{1, 2}, 0},
	} {
		log := slices.Concat(one, slices.Concat(c.rest...))
		dir := logFolder(t, map[string][]byte{"wal_00000000.log": log})
		l, commits := mustScan(t, dir, Gen05, ScanOptions{})
		if got := epochs(commits); !slices.Equal(got, c.want) || l.Uncommitted != int64(c.left) {
			t.Errorf("%s: epochs %v, %d bytes are left", name, got, l.Uncommitted)
		}
	}

	end := int64(len(one) + len(data) + len(tc))
	log := slices.Concat(one, data, tc, frame05("\x26\x02"), commit05(3, "\x00b"))
	dir := logFolder(t, map[string][]byte{"wal_00000000.log": log})
	_, commits := mustScan(t, dir, Gen05, ScanOptions{Borders: []Position{{Offset: end}}})
	if got := epochs(commits); !slices.Equal(got, []uint64{1, 2, 2, 3}) || commits[1].Kind != Closing ||
		commits[1].End != end || commits[3].Run != 0 {
		t.Errorf("with a border: %+v", commits)
	}
	_, commits = mustScan(t, dir, Gen05, ScanOptions{From: &Position{Offset: end}})
	if got := epochs(commits); !slices.Equal(got, []uint64{2, 3}) {
		t.Errorf("from the border on: %+v", commits)
	}
}
