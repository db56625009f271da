package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"

	"github.com/gbak-s3/gbak-s3/internal/shared"
)

// renameNew needs no hard links, which FAT and exFAT do not have.
func renameNew(from, to string) error {
	f, err := windows.UTF16PtrFromString(from)
	t, errT := windows.UTF16PtrFromString(to)
	if err = errors.Join(err, errT); err == nil {
		err = shared.Patiently(func() error { return windows.MoveFileEx(f, t, 0) }) // without MOVEFILE_REPLACE_EXISTING
	}
	if err != nil {
		return &os.LinkError{Op: "MoveFileEx", Old: from, New: to, Err: err}
	}
	return nil
}

// rename is [os.Rename], patiently, which says that the access is denied if the file that is to be replaced
// is open. Windows can replace such a file, too, if asked in another way, of which NTFS is capable.
func rename(from, to string) error {
	return shared.Patiently(func() error {
		err := os.Rename(from, to)
		if !errors.Is(err, windows.ERROR_ACCESS_DENIED) || !Exists(to) {
			return err
		}
		if replaceOpen(from, to) == nil {
			return nil
		}
		return fmt.Errorf("%w: %w", err, windows.ERROR_SHARING_VIOLATION)
	})
}

// replaceOpen renames a file to the name of one that may be open, by [os.Root.Rename] in a folder that
// both are in.
func replaceOpen(from, to string) error {
	dir := filepath.Dir(to)
	below, err := filepath.Rel(dir, from)
	for ; err != nil || !filepath.IsLocal(below); below, err = filepath.Rel(dir, from) {
		if dir == filepath.Dir(dir) {
			return errors.ErrUnsupported
		}
		dir = filepath.Dir(dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer CloseRead(root)
	target, err := filepath.Rel(dir, to)
	if err != nil {
		return err
	}
	return root.Rename(below, target)
}

func remove(path string) error { return shared.Patiently(func() error { return os.Remove(path) }) }
