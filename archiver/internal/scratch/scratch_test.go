package scratch

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// A command that puts a link where the folder was does not make the drill remove what the link leads to.
func TestRemoveFollowsNoLink(t *testing.T) {
	t.Parallel()
	parent, other := t.TempDir(), t.TempDir()
	theirs := filepath.Join(other, "theirs")
	if err := os.WriteFile(theirs, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(disk.OS{}, parent, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.Dir, filepath.Join(parent, "moved")); err != nil {
		t.Skipf("an open folder cannot be moved here: %v", err)
	}
	if err := os.Symlink(other, f.Dir); err != nil {
		t.Fatal(err)
	}
	if err := f.Remove(); err == nil {
		t.Error("no error")
	}
	if _, err := os.Stat(theirs); err != nil {
		t.Errorf("what the link leads to: %v", err)
	}
}

// The folder goes with all that a command has left in it, links too, but not what those lead to.
func TestRemove(t *testing.T) {
	t.Parallel()
	parent, other := t.TempDir(), t.TempDir()
	f, err := Open(disk.OS{}, parent, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(f.Path("left"), 0o500); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, f.Path("link")); err != nil {
		t.Fatal(err)
	}
	if err := f.Remove(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}
