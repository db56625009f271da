package record

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// replace gives a file new content in one step. The folder must exist.
func replace(d disk.Disk, path string, content []byte) error {
	temp := path + ".tmp"
	f, err := d.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, disk.Durable(f.Sync()), f.Close()); err == nil {
		likeParent(d, temp)
		err = d.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, d.Remove(temp))
	}
	return nil
}

// settle makes the name of a file in the folder durable, and those of the folders that it is
// in, which an earlier run may have made and not synced.
func (f *Folder) settle(path string) error {
	for _, folder := range []string{filepath.Dir(path), f.Path, filepath.Dir(f.Path)} {
		if err := syncNames(f.Disk, folder); err != nil {
			return err
		}
	}
	return nil
}

// syncNames makes the names in a folder durable. One that may not be read cannot be synced.
func syncNames(d disk.Disk, folder string) error {
	if err := d.Sync(folder); !errors.Is(err, syscall.EACCES) {
		return err
	}
	return nil
}

// makeFolders creates a folder, and those above it that are missing.
func makeFolders(d disk.Disk, folder string) error {
	parent := filepath.Dir(folder)
	err := d.Mkdir(folder, 0o700)
	if errors.Is(err, fs.ErrNotExist) && parent != folder {
		if err := makeFolders(d, parent); err != nil {
			return err
		}
		err = d.Mkdir(folder, 0o700)
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	likeParent(d, folder)
	return syncNames(d, parent)
}

// likeParent gives what root creates in a user's home to that user, whose other programs
// could not write beside it otherwise.
func likeParent(d disk.Disk, path string) {
	if info, err := os.Stat(filepath.Dir(path)); err == nil {
		_ = disk.GiveTo(d, path, info) // it can be used all the same
	}
}
