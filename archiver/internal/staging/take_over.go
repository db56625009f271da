package staging

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/internal/resume"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// LinkedFolderError is the error for a link where a restore has its staging folder.
type LinkedFolderError struct{ Path string }

func (e *LinkedFolderError) Error() string {
	return e.Path + " is a link, not the folder of a restore"
}

// takeOver makes root the owner of a staging folder that another user left behind, so
// that this user cannot put links into it for root's restore to follow. The content of
// the folder is not resumed.
func takeOver(d disk.Disk, dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return nil //nolint:nilerr // another restore has just removed it
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return &LinkedFolderError{dir}
	}
	user, _, known := disk.OwnerOf(info)
	if !known || user == os.Geteuid() || os.Geteuid() != 0 {
		return nil
	}
	f, err := disk.OpenFolder(dir)
	if err != nil {
		return err
	}
	defer disk.CloseRead(f)
	if f.Chown(0, -1) != nil {
		return nil // a file server that does not believe in root: then root has no power to lend
	}
	if err := d.Remove(filepath.Join(dir, resume.FileName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return f.Chmod(0o700)
}
