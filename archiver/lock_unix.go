//go:build unix

package archiver

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the advisory lock of an open file, for as long as it is open,
// and tells whether it could. Closing the file, or the end of the process,
// gives it up.
func tryLock(f interface{ Fd() uintptr }) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// lockFolder waits for the lock of a folder, which nobody else takes: the
// database locks its file only.
func lockFolder(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
