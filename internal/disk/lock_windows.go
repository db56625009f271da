package disk

import (
	"errors"
	"fmt"
	"io"
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

// folderLock is the lock of a folder: that an object with its name exists.
type folderLock windows.Handle

// Close ends the lock, as the end of the process does.
func (l folderLock) Close() error { return windows.CloseHandle(windows.Handle(l)) }

// tryLockFolder takes the lock of a folder; it returns nil if another process has it. Windows cannot lock
// folders, and one that is open cannot be removed. So the lock is an object of the system, whose name is
// made of what tells folders apart, however their paths are written.
func tryLockFolder(path string) (io.Closer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	var info windows.ByHandleFileInformation
	err = errors.Join(windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &info), f.Close())
	if err != nil {
		return nil, &fs.PathError{Op: "GetFileInformationByHandle", Path: path, Err: err}
	}
	name, err := windows.UTF16PtrFromString(fmt.Sprintf(`Global\gbak-s3-folder-%08x-%08x%08x`,
		info.VolumeSerialNumber, info.FileIndexHigh, info.FileIndexLow))
	if err != nil {
		return nil, err
	}
	handle, err := windows.CreateMutex(nil, false, name)
	switch {
	case errors.Is(err, windows.ERROR_ALREADY_EXISTS):
		return nil, windows.CloseHandle(handle)
	case errors.Is(err, windows.ERROR_ACCESS_DENIED): // another user has it
		return nil, nil
	case err != nil:
		return nil, &fs.PathError{Op: "CreateMutex", Path: path, Err: err}
	}
	return folderLock(handle), nil
}
