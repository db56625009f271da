//go:build !windows

package disk

import (
	"errors"
	"os"
	"syscall"
)

func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	err = f.Sync()
	if hasNone(err) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// hasNone reports whether err, from the sync of an open folder, says that the file system
// has no such call: in some network and FUSE file systems names become durable by
// themselves, or not at all. An error of the disk itself is not one of these.
func hasNone(err error) bool {
	for _, no := range []error{
		errors.ErrUnsupported, syscall.EINVAL, syscall.EPERM, syscall.EACCES, syscall.ENOTTY, syscall.EBADF, syscall.EISDIR,
	} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}
