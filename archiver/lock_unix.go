//go:build unix

package archiver

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// tryLock takes the advisory lock of an open file, for as long as it is open,
// and reports whether it could. Closing the file, or the end of the process,
// gives it up.
func tryLock(f lockable) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, &fs.PathError{Op: "flock", Path: f.Name(), Err: err}
		}
	}
}

func tryLockFolder(f *os.File) (bool, error) { return tryLock(f) }
