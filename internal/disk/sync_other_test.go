//go:build !windows

package disk

import (
	"io/fs"
	"syscall"
	"testing"
)

// Errors of file systems that cannot sync folders are ignored; errors of a disk that fails
// are not.
func TestWhatHasNoFolderSync(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EINVAL, syscall.ENOSYS, syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.EPERM, syscall.EBADF} {
		if !hasNone(&fs.PathError{Op: "sync", Path: "/x", Err: errno}) {
			t.Errorf("%v is fatal", errno)
		}
	}
	for _, err := range []error{nil, syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, fs.ErrClosed} {
		if hasNone(err) {
			t.Errorf("%v is not", err)
		}
	}
}
