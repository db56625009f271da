package disk

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

func tryLock(f Lockable) (bool, error) {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, new(windows.Overlapped))
	switch {
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION):
		return false, nil
	case err != nil:
		return false, &fs.PathError{Op: "LockFileEx", Path: f.Name(), Err: err}
	}
	return true, nil
}

// tryLockFolder takes no lock: folders have none here.
func tryLockFolder(*os.File) (bool, error) { return true, nil }
