//go:build unix

package disk

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

func tryLock(f Lockable) (bool, error) {
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
