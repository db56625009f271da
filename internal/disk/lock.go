package disk

import (
	"context"
	"fmt"
	"io"
	"time"
)

const (
	lockPatience = 30 * time.Second       // for a lock that is held for milliseconds, if nobody hangs
	lockPause    = 5 * time.Millisecond   // between the first two attempts
	maxLockPause = 500 * time.Millisecond // between later ones

	settleTime = 5 * time.Second // for a lock that an interrupted run needs
)

// LockedError is the error for a lock that another process did not release in time.
type LockedError struct {
	Path   string        // of the file or folder that is locked
	Waited time.Duration // before giving up
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("another process holds the lock of %s: waited %s for it", e.Path, e.Waited.Round(time.Millisecond))
}

// Lockable is an open file, as far as a lock needs it: a [File] or an [os.File].
type Lockable interface {
	Fd() uintptr
	Name() string
}

// TryLock takes the exclusive lock of an open file and reports whether it could.
// Closing the file, or the end of the process, releases the lock.
func TryLock(f Lockable) (bool, error) { return tryLock(f) }

// LockFolder takes the exclusive lock of a folder. While another process has it,
// LockFolder asks again, until ctx ends or 30 seconds have passed: then the error
// is a [*LockedError]. Closing what it returns releases the lock. On Windows only processes
// of one machine exclude each other.
func LockFolder(ctx context.Context, path string) (io.Closer, error) {
	begin := time.Now()
	for pause := lockPause; ; pause = min(2*pause, maxLockPause) {
		lock, err := tryLockFolder(path)
		if lock != nil || err != nil {
			return lock, err
		}
		if waited := time.Since(begin); waited >= lockPatience {
			return nil, &LockedError{path, waited}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", &LockedError{path, time.Since(begin)}, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// EndLock removes the file of a lock that this process has, and releases the lock. In this order: whoever
// has opened the file before notices that it is not there any more ([IsStill]).
func EndLock(d Disk, lock File) error {
	err := d.Remove(lock.Name())
	CloseRead(lock) // nothing was written
	return err
}

// Settling returns the context for what a run puts in order at its end, under a lock. It
// outlives ctx, so that an interrupted run can do it, too, but not by more than 5 seconds.
func Settling(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), settleTime)
}
