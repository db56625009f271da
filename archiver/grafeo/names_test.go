package grafeo

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The names are those of docs/grafeo-format.md: a database is looked for, and restored,
// under them.
func TestNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "db")
	want := []string{path, path + ".wal", path + ".spill", path + ".checkpoint"}
	if diff := cmp.Diff(want, Companions(path)); diff != "" {
		t.Error(diff)
	}
	for got, want := range map[string]string{
		LogDir(path): path + ".wal", CursorPath(path): path + ".wal/backup_cursor.meta",
		SpillPath(path, "x", false): path + ".spill/x", SpillPath(path, "x", true): path + ".spill/kept/x",
		PreUpgrade(path): path + ".pre-0.6", Migrating(path): path + ".migrating",
		NativeFullName(7): "backup_full_0007.grafeo", NativeIncrementalName(12345): "backup_incr_12345.wal",
	} {
		if filepath.ToSlash(got) != filepath.ToSlash(want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
	writeFile(t, filepath.Join(path, "wal", "wal_00000000.log"), commit05(1, "\x00a"))
	if got := LogDir(path); got != filepath.Join(path, "wal") {
		t.Errorf("the log of a directory is in %s", got)
	}
	if got := LogBeside(path); got != path+".wal" {
		t.Errorf("the log beside a directory is %s", got)
	}
}

func TestNamesAreCut(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(string) (string, bool){"x.wal": CutLogDir, "x.pre-0.6": CutPreUpgrade} {
		if got, ok := cut(name); !ok || got != "x" {
			t.Errorf("%s is cut to %s, %v", name, got, ok)
		}
		if got, ok := cut("x.grafeo"); ok || got != "x.grafeo" {
			t.Errorf("x.grafeo is cut to %s, %v", got, ok)
		}
	}
	for name, want := range map[string]bool{
		NativeFullName(0): true, NativeIncrementalName(3): true, "backup_full_12345.grafeo": true,
		NativeManifestName: false, CursorName: false, "backup_full_.grafeo": false, "a_backup_incr_0001.wal": false,
	} {
		if IsNativeName(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

// The log is listed by what is in its folder and is a log file of 0.6, in its order; an
// empty segment has no position of its own.
func TestListSegments(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, size := range map[string]int{
		"wal_00000000000000001000.log": 128 + 50, "wal_00000000000000000200.log": 128 + 800, "wal_00000000000000001050.log": 128,
		"wal_00000000000000001060.log": 3, "wal_00000003.log": 10, "backup_cursor.meta": 10, "wal_00000000000000000200.log.tmp": 1,
		"wal_00000000000000000001.log/x": 1,
	} {
		writeFile(t, filepath.Join(dir, name), make([]byte, size))
	}
	want := []SegmentFile{{200, 1000, 928}, {1000, 1050, 178}, {1050, 1050, 128}, {1060, 1060, 3}}
	if got, err := ListSegments(dir); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	nowhere := filepath.Join(dir, "none")
	if got, err := ListSegments(nowhere); err != nil || len(got) > 0 {
		t.Errorf("no folder has %v, %v", got, err)
	}
	for _, c := range []struct {
		dir              string
		checkpoint, want uint64
	}{{dir, 500, 200}, {dir, 100, 100}, {nowhere, 77, 77}} {
		if got, err := OldestLSN(c.dir, c.checkpoint); err != nil || got != c.want {
			t.Errorf("%s, checkpoint %d: %d, %v", c.dir, c.checkpoint, got, err)
		}
	}
}
