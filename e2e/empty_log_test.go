package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEmptyLogFiles lets the real 0.5 make native backups in a row, which leave empty log
// files. Every epoch restores, what was restored can be backed up, and all can be compacted
// and exported.
func TestEmptyLogFiles(t *testing.T) {
	w, at := newLive(t, "0.5.42"), newDirectory(t)
	native := filepath.Join(t.TempDir(), "native")
	rotate := func(times int) {
		for range times {
			w.do(t, "full", native)
		}
	}
	w.do(t, "commit", "2")
	first := backup(t, w, at, "full", 1)
	rotate(2)
	w.do(t, "commit", "2")
	// A native backup has written an image, which others have to be the base of.
	backup(t, w, at, "full", 1)
	rotate(1)
	w.do(t, "commit", "1")
	backup(t, w, at, "full", 1)
	for range 3 {
		w.do(t, "commit", "1")
		backup(t, w, at, "incremental", 1)
	}
	if empty := emptyFiles(t, w.path+".wal"); empty == 0 {
		t.Fatal("Grafeo has left no empty log file")
	}
	goals := on(1, momentsOf(t, w.log)[first.EndEpoch-1:], 1)
	reach(t, w.version, at, goals)
	must(t, "compact", at.address(), "--apply")
	reach(t, w.version, at, goals)
	must(t, "verify", "--deep", at.address())
	must(t, "export", at.address(), filepath.Join(t.TempDir(), "exported"))

	path := filepath.Join(t.TempDir(), "people.grafeo")
	must(t, "restore", at.address(), path)
	must(t, "backup", path, newDirectory(t).address())
}

// emptyFiles counts the log files of a folder that are empty.
func emptyFiles(t testing.TB, folder string) (n int) {
	t.Helper()
	for _, name := range names(t, folder) {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, "wal_") && info.Size() == 0 {
			n++
		}
	}
	return n
}
