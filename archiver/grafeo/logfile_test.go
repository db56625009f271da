package grafeo

import (
	"path/filepath"
	"slices"
	"testing"
)

// A scan of a single log file finds what a scan of the whole log finds in it.
func TestScanLogFile(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		path   string
		epochs []uint64
	}{
		{"v0.5.42/backup/tiny.grafeo.wal/wal_00000003.log", []uint64{6, 7, 8}},
		{"v0.5.42/torn-tail/tiny.grafeo.wal/wal_00000000.log", []uint64{1, 2, 3, 4}},
		{"v0.6.0/backup/tiny.grafeo.wal/wal_00000000000000002126.log", []uint64{6, 7, 8}},
		{"v0.6.0/torn-tail/tiny.grafeo.wal/wal_00000000000000001244.log", []uint64{4}},
	} {
		gen := Generation(v.path[1:4])
		dir := filepath.Join(t.TempDir(), "x.grafeo.wal")
		b := readFile(t, vector(v.path))
		writeFile(t, filepath.Join(dir, filepath.Base(v.path)), b)
		want, _ := mustScan(t, dir, gen, ScanOptions{})
		var commits []Commit
		visit := func(c Commit) error {
			commits = append(commits, c)
			return nil
		}
		got, err := ScanLogFile(vector(v.path), gen, visit)
		if err != nil || !slices.Equal(epochs(commits), v.epochs) || got.Commits != want.Commits || !slices.Equal(got.Files, want.Files) ||
			(got.Torn == nil) != (want.Torn == nil) || got.Torn != nil && *got.Torn != *want.Torn || got.Uncommitted != want.Uncommitted {
			t.Errorf("%s: %+v, %v; want %+v", v.path, got, err, want)
		}
	}
}

// The name of a 0.6 file is checked only if it is that of a log file.
func TestScanLogFileName(t *testing.T) {
	t.Parallel()
	b := readFile(t, vector("v0.6.0/live/tiny.grafeo.wal/wal_00000000000000001244.log"))
	dir := t.TempDir()
	for name, good := range map[string]bool{"copy": true, "wal_00000000000000001244.log": true, "wal_00000000000000001245.log": false} {
		path := filepath.Join(dir, name)
		writeFile(t, path, b)
		l, err := ScanLogFile(path, Gen06, nil)
		if !good {
			damageAt(t, err, 32)
		} else if err != nil || l.Commits != 2 || l.Files[0].FirstLSN != 1244 {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
	// What was being created when the database stopped, has no header yet.
	path := filepath.Join(dir, "wal_00000000000000000009.log")
	writeFile(t, path, make([]byte, 200))
	if l, err := ScanLogFile(path, Gen06, nil); err != nil || l.Torn == nil || len(l.Files) != 0 {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestScanLogFileDamage(t *testing.T) {
	t.Parallel()
	for path, at := range map[string]int64{
		"v0.5.42/live/tiny.grafeo.wal/wal_00000000.log":            0,
		"v0.6.0/live/tiny.grafeo.wal/wal_00000000000000001244.log": 124, // the header's checksum
	} {
		b := readFile(t, vector(path))
		damaged := filepath.Join(t.TempDir(), filepath.Base(path))
		writeFile(t, damaged, edit(b, int(at), []byte{b[at] ^ 1}))
		_, err := ScanLogFile(damaged, Generation(path[1:4]), nil)
		if at == 124 {
			at = 0
		}
		damageAt(t, err, at)
	}
}
