package staging

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// RoomError is the error for what does not fit on the disk. It is also [syscall.ENOSPC].
type RoomError struct {
	Path         string
	Needed, Free int64 // bytes
}

func (e *RoomError) Error() string {
	return fmt.Sprintf("%s needs %d bytes, and the disk has %d bytes free there: %v",
		e.Path, e.Needed, e.Free, syscall.ENOSPC)
}

// Unwrap makes it an error like that of a full disk.
func (e *RoomError) Unwrap() error { return syscall.ENOSPC }

// Room returns how many bytes a restore to target may write: those that are free there,
// as room says, and those that an earlier restore, which was killed or failed, has written
// already. ok is false where the file system does not say. sure reports that more
// certainly does not fit; a file system that compresses may have room for more.
func Room(target string, room func(string) (disk.Room, bool)) (bytes int64, sure, ok bool) {
	r, ok := room(filepath.Dir(target))
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

// CheckRoom returns a [*RoomError] if needed bytes certainly do not fit at target.
func CheckRoom(target string, needed int64, room func(path string) (disk.Room, bool)) error {
	if free, sure, ok := Room(target, room); ok && sure && needed > free {
		return &RoomError{Path: target, Needed: needed, Free: free}
	}
	return nil
}
