package archiver

import (
	"context"
	"fmt"
	"os"
	"time"
)

const (
	lockPatience = 30 * time.Second       // for a lock that is held for milliseconds, if nobody hangs
	lockPause    = 5 * time.Millisecond   // between the first two attempts
	maxLockPause = 500 * time.Millisecond // between later ones
)

// LockedError is the error for a lock that another process did not give up in
// time.
type LockedError struct {
	Path   string        // of the file or folder that is locked
	Waited time.Duration // until it was given up
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("another process holds the lock of %s: waited %s for it", e.Path, e.Waited.Round(time.Millisecond))
}

// lockable is an open file, as far as a lock needs it.
type lockable interface {
	Fd() uintptr
	Name() string
}

// lockFolder takes the lock of a folder, which nobody but us takes: the database
// locks its file only. While another process has it, it is asked for again, until
// ctx ends or [lockPatience] is over. Closing the file gives it up.
func lockFolder(ctx context.Context, path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	for pause := lockPause; ; pause = min(2*pause, maxLockPause) {
		locked, err := tryLockFolder(f)
		if locked {
			return f, nil
		}
		if waited := time.Since(begin); err == nil && waited >= lockPatience {
			err = &LockedError{path, waited}
		}
		if err != nil {
			_ = f.Close() // it was only opened
			return nil, err
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("%w: %w", &LockedError{path, time.Since(begin)}, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// settling is the context for what a run has to put in order at its end, also if
// it was interrupted: it waits for a lock, but not for long.
func settling(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), interruptedGrace)
}
