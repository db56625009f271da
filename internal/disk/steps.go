package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gbak-s3/gbak-s3/internal/errno"
)

// ErrNoMove: the file system has neither hard links nor exclusive renames.
var ErrNoMove = errors.New("the file system has neither hard links nor exclusive renames to create files safely")

// Move renames the file from to the name to, unless something has that name: then the
// error is [fs.ErrExist]. It is [ErrNoMove] if the file system has no step for this, and
// else that of the call that failed. The file is never without a name; a crash may leave
// it with both.
func Move(d Disk, from, to string) error {
	err := d.Link(from, to)
	if err == nil {
		_ = d.Remove(from) // the new name is what matters
		return nil
	}
	if errno.Is(err, fs.ErrExist, fs.ErrNotExist, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS) {
		return err // and so would a rename
	}
	// File systems without hard links say so in many ways, Linux itself by EPERM; and
	// one more link may be too many. A rename needs none.
	renameErr := d.RenameNew(from, to)
	switch {
	case !errors.Is(renameErr, errors.ErrUnsupported) && !errors.Is(renameErr, syscall.EINVAL):
		return renameErr
	case errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EPERM):
		return fmt.Errorf("%w: %w", ErrNoMove, err)
	}
	return err
}

// MkdirAll makes a folder and all folders above it that are missing, and makes their names
// durable. It returns those that it made, the innermost first, also when it fails.
func MkdirAll(d Disk, folder string, mode fs.FileMode) (made []string, err error) {
	if _, err := os.Lstat(folder); !errors.Is(err, fs.ErrNotExist) {
		if _, target := os.Stat(folder); err == nil && errors.Is(target, fs.ErrNotExist) {
			err = &fs.PathError{Op: "mkdir", Path: folder, Err: fs.ErrExist} // a link to nothing
		}
		return nil, err
	}
	parent := filepath.Dir(folder)
	if parent != folder {
		if made, err = MkdirAll(d, parent, mode); err != nil {
			return made, err
		}
	}
	if err := d.Mkdir(folder, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return made, err
	} else if err == nil {
		made = append([]string{folder}, made...)
	}
	return made, d.Sync(parent)
}

// RemoveAll removes a file, or a folder with everything in it, if it exists.
func RemoveAll(d Disk, path string) error {
	info, err := os.Lstat(path)
	if err == nil && info.IsDir() {
		var entries []fs.DirEntry
		entries, err = os.ReadDir(path)
		for _, e := range entries {
			if err := RemoveAll(d, filepath.Join(path, e.Name())); err != nil {
				return err
			}
		}
	}
	if err == nil {
		err = d.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Durable returns err, the error of a file's sync, or nil if it says that the file system
// cannot sync files. It is for files without which nothing is lost, as a loss of power may
// take them away.
func Durable(err error) error {
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return err
}
