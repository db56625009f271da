package local

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Files and folders of an archive are for its owner alone, or for the group that the
// folder is shared with, as far as the umask allows.
func TestModesFollowTheFolder(t *testing.T) {
	before := syscall.Umask(0)
	defer syscall.Umask(before)
	for _, c := range []struct {
		folder       fs.FileMode
		umask        int
		above        bool // the folder is the one above the archive, which does not exist yet
		files, inner fs.FileMode
	}{
		{folder: 0o700, umask: 0o022, files: 0o600, inner: 0o700},
		{folder: 0o755, umask: 0o022, files: 0o600, inner: 0o700}, // as mkdir makes it
		{folder: 0o777, umask: 0, files: 0o600, inner: 0o700},
		{folder: 0o750, umask: 0o022, files: 0o640, inner: 0o750},
		{folder: 0o770, umask: 0o007, files: 0o660, inner: 0o770},
		{folder: 0o775, umask: 0o002, files: 0o660, inner: 0o770},
		{folder: 0o770 | fs.ModeSetgid, umask: 0o007, files: 0o660, inner: 0o770 | fs.ModeSetgid},
		{folder: 0o770 | fs.ModeSetgid, umask: 0o022, files: 0o640, inner: 0o750 | fs.ModeSetgid},
		{folder: 0o770 | fs.ModeSetgid, umask: 0o077, files: 0o600, inner: 0o700 | fs.ModeSetgid},
		{folder: 0o755 | fs.ModeSetgid, umask: 0o022, files: 0o640, inner: 0o750 | fs.ModeSetgid},
		{folder: 0o770 | fs.ModeSetgid, umask: 0o007, above: true, files: 0o660, inner: 0o770 | fs.ModeSetgid},
		{folder: 0o770, umask: 0o007, above: true, files: 0o600, inner: 0o700},
		{folder: 0o755, umask: 0o022, above: true, files: 0o600, inner: 0o700},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			syscall.Umask(0)
			root := filepath.Join(t.TempDir(), "folder")
			if err := os.Mkdir(root, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(root, c.folder); err != nil {
				t.Fatal(err)
			}
			if c.above {
				root = filepath.Join(root, "archive")
			}
			syscall.Umask(c.umask)
			s := open(t, root)
			put(t, s, "a/plain", "data")
			if err := create(t, s, "a/created", "data"); err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]fs.FileMode{"a": c.inner, ".tmp": c.inner, "a/plain": c.files, "a/created": c.files} {
				info, err := os.Stat(filepath.Join(root, name))
				if err != nil {
					t.Fatal(err)
				}
				if got := info.Mode() & (fs.ModePerm | fs.ModeSetgid); got != want {
					t.Errorf("%s has mode %v, want %v", name, got, want)
				}
			}
		})
	}
}
