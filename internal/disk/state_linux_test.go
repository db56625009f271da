package disk

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Times show a change only if the file has not changed just now: until the clock of the
// file system advances, the next write may leave them as they are.
func TestState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write := func(content string) string {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return State(path, time.Now().Add(2*settled))
	}
	first := write("one")
	if first == "" || first != State(path, time.Now().Add(3*settled)) {
		t.Fatal("a file of a while ago has no state, or two")
	}
	if s := State(path, time.Now()); s != "" {
		t.Error("a file of just now has the state", s)
	}
	if s := State(path, time.Now().Add(-time.Hour)); s != "" {
		t.Error("a file of the future has the state", s)
	}
	if s := State(filepath.Join(path, "x"), time.Now()); s != "" {
		t.Error("no file has the state", s)
	}
	// The same bytes and the same times, but another file.
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+"1"); err != nil {
		t.Fatal(err)
	}
	write("one")
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if State(path, time.Now().Add(2*settled)) == first {
		t.Error("another file has the same state")
	}
}
