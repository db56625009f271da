package staging

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// SpaceError is the error for what does not fit on the disk. It is also [syscall.ENOSPC].
type SpaceError struct {
	Path         string
	Needed, Free int64 // bytes
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("%s needs %d bytes, and the disk has %d bytes free there: %v",
		e.Path, e.Needed, e.Free, syscall.ENOSPC)
}

// Unwrap makes it an error like that of a full disk.
func (e *SpaceError) Unwrap() error { return syscall.ENOSPC }

// FreeSpace returns how many bytes a restore to target may write: those that are free there,
// as spaceAt says, and those that an earlier restore, which was killed or failed, has written
// already. ok is false where the file system does not say. sure reports that more
// certainly does not fit; a file system that compresses may have room for more.
func FreeSpace(target string, spaceAt func(string) (disk.Space, bool)) (bytes int64, sure, ok bool) {
	r, ok := spaceAt(filepath.Dir(target))
	if !ok {
		return 0, false, false
	}
	_ = filepath.WalkDir(DirOf(target), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				r.Free += disk.Allocated(info)
			}
		}
		return nil // what cannot be seen is not counted
	})
	return r.Free, r.Sure, true
}

// CheckSpace returns a [*SpaceError] if needed bytes certainly do not fit at target.
func CheckSpace(target string, needed int64, spaceAt func(path string) (disk.Space, bool)) error {
	if free, sure, ok := FreeSpace(target, spaceAt); ok && sure && needed > free {
		return &SpaceError{Path: target, Needed: needed, Free: free}
	}
	return nil
}
