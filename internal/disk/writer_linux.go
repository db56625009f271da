package disk

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openDirect opens a file once more, nil where that does not work.
func openDirect(f *os.File) *os.File {
	direct, err := os.OpenFile(f.Name(), os.O_WRONLY|unix.O_DIRECT, 0)
	if err != nil {
		return nil
	}
	a, errA := f.Stat()
	b, errB := direct.Stat()
	if errA != nil || errB != nil || !os.SameFile(a, b) {
		_ = direct.Close()
		return nil
	}
	return direct
}

func isUnfit(err error) bool { return errors.Is(err, unix.EINVAL) }

// reserve is an error only if the disk is full: not every file system can.
func reserve(f *os.File, offset, bytes int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, offset, bytes)
	if errors.Is(err, unix.ENOSPC) {
		return &os.PathError{Op: "fallocate", Path: f.Name(), Err: err}
	}
	return nil
}

// startWriting tells the system not to wait for the sync that will come.
func startWriting(f *os.File, offset, bytes int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, bytes, unix.SYNC_FILE_RANGE_WRITE) // it is only sooner
}
