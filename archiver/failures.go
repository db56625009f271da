package archiver

import (
	"errors"
	"fmt"
	"time"
)

// The errors of the verbs themselves, as opposed to those of the rooms below.

// laggingError is the error for an archive that lags further behind than it may.
type laggingError struct{ Text string }

func (e *laggingError) Error() string { return e.Text }

// unprovenError is the error for an archive that was not proven restorable, or not lately.
type unprovenError struct{ Text string }

func (e *unprovenError) Error() string { return e.Text }

// clockError is the error for an event in the future by this host's clock.
type clockError struct {
	What  string
	Ahead time.Duration
}

func (e *clockError) Error() string {
	return fmt.Sprintf("%s %s in the future by this host's clock: how long ago that is cannot be known", e.What, e.Ahead.Round(time.Millisecond))
}

// noNameError is the error for a folder as the target of a database that the archive has
// no name for.
type noNameError struct{ Folder string }

func (e *noNameError) Error() string {
	return e.Folder + " is a folder, and the archive has no name for the database in it"
}

// ErrSpilled is the error for an export of a database that has spilled vectors.
var ErrSpilled = errors.New("the database has spilled vectors")

// noNativeFormError is the error for a database that Grafeo's own backups do not support.
type noNativeFormError struct{ Name string }

func (e *noNativeFormError) Error() string {
	return fmt.Sprintf("the database is a WAL directory of Grafeo 0.5 (%s), which Grafeo's own backups do not support", e.Name)
}

// fetchedBeforeError is the error for an address without an archive from which something
// was restored before: an earlier restore to the same path has left what it fetched.
type fetchedBeforeError struct {
	Folder string // in which that is
	Err    error
}

func (e *fetchedBeforeError) Error() string {
	return fmt.Sprintf("%v, but an earlier restore to this path found one: %s is what it left", e.Err, e.Folder)
}

// Unwrap returns the error of the address.
func (e *fetchedBeforeError) Unwrap() error { return e.Err }
