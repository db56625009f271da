//go:build unix

package disk

import (
	"errors"
	"io"
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

// tryLockFolder takes the lock of a folder; it returns nil if another process has it.
func tryLockFolder(path string) (io.Closer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if locked, err := tryLock(f); !locked {
		_ = f.Close() // it was only opened
		return nil, err
	}
	return f, nil
}
