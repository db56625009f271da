package archiver

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock takes the lock of an open file, for as long as it is open, and tells
// whether it could. Closing the file, or the end of the process, gives it up.
func tryLock(f interface{ Fd() uintptr }) (bool, error) {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

// lockFolder only looks whether the folder is there: folders have no locks. Two
// runs that change one cursor at the same moment may lose one change; the next
// run of that archive writes it again.
func lockFolder(path string) (*os.File, error) { return os.Open(path) }
