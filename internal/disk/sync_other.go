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

// hasNone reports whether err, of the sync of a folder that is open, says that the
// file system has no such thing: some network and FUSE file systems keep names
// durable by themselves, or not at all. An error of the disk is none of these.
func hasNone(err error) bool {
	for _, no := range []error{errors.ErrUnsupported, syscall.EINVAL, syscall.EPERM, syscall.EACCES, syscall.ENOTTY, syscall.EBADF, syscall.EISDIR} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}
