package disk

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openDirect opens a file a second time, to write past the cache. It returns nil if that
// is not possible.
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

// reserve returns an error only if the disk is full: not every file system can reserve.
func reserve(f *os.File, offset, bytes int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, offset, bytes)
	if errors.Is(err, unix.ENOSPC) {
		return &os.PathError{Op: "fallocate", Path: f.Name(), Err: err}
	}
	return nil
}

// startWriting asks the system to begin to write now, before the sync.
func startWriting(f *os.File, offset, bytes int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, bytes, unix.SYNC_FILE_RANGE_WRITE) // a hint
}
