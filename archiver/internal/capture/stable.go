package capture

import (
	"context"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// maxCaptures is how often a database may change while it is read before a run
// gives up.
const maxCaptures = 40

// UnsteadyError is the error for a database that never held still while it was read.
type UnsteadyError struct {
	Path  string
	Times int   // that it was read
	Err   error // of the last time
}

func (e *UnsteadyError) Error() string {
	return fmt.Sprintf("%s changed while it was read, %d times in a row: %v", e.Path, e.Times, e.Err)
}

// Unwrap returns the last error.
func (e *UnsteadyError) Unwrap() error { return e.Err }

// UntilStable calls read until what it says of the database at path does not come
// from reading while somebody wrote, which torn tells of its error, and returns its last
// error. It is
// an [*UnsteadyError] if the database never held still.
//
// Damage must be seen twice, with nothing changed and a pause between: the times
// of files tick in milliseconds, so that one look may miss a writer.
func UntilStable(ctx context.Context, path string, torn func(error) bool, read func() error) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval = 100 * time.Millisecond
	pause.Multiplier = 2
	pause.MaxInterval = time.Second // a lull may be short
	print, seen := fingerprint(path), false
	for n := 1; ; n++ {
		err := read()
		if err == nil || !torn(err) {
			return err
		}
		now := fingerprint(path)
		switch {
		case now == print && seen:
			return err
		case n == maxCaptures:
			return &UnsteadyError{path, n, err}
		}
		print, seen = now, now == print
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause.NextBackOff()):
		}
	}
}
