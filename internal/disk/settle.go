package disk

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// settleTime is how long a run that was interrupted waits for a lock.
const settleTime = 5 * time.Second

// Settling returns the context for what a run has to put in order at its end, also if
// it was interrupted: it waits for a lock, but not for long.
func Settling(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), settleTime)
}

// Durable returns err, the error of a sync, unless it says that the file system cannot
// sync a file: for what is only a nicety, a loss of power may take it away.
func Durable(err error) error {
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return err
}
