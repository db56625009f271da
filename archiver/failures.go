package archiver

import (
	"errors"
	"fmt"
	"time"
)

// The errors of the verbs themselves, as opposed to those of the rooms below.

// LaggingError is the error for an archive that lags further behind than it may.
type LaggingError struct{ Text string }

func (e *LaggingError) Error() string { return e.Text }

// ClockError is the error for an event in the future by this host's clock.
type ClockError struct {
	What  string
	Ahead time.Duration
}

func (e *ClockError) Error() string {
	return fmt.Sprintf("%s %s in the future by this host's clock: how long ago that is cannot be known", e.What, e.Ahead.Round(time.Millisecond))
}

// NoNameError is the error for a folder as the target of a database that the archive has
// no name for.
type NoNameError struct{ Folder string }

func (e *NoNameError) Error() string {
	return e.Folder + " is a folder, and the archive has no name for the database in it"
}

// ErrSpilled: what is to be exported has spilled vectors.
var ErrSpilled = errors.New("the database has spilled vectors")

// NoNativeFormError is the error for a database that Grafeo's own backups know nothing of.
type NoNativeFormError struct{ Name string }

func (e *NoNativeFormError) Error() string {
	return fmt.Sprintf("the database is a WAL directory of Grafeo 0.5 (%s), of which Grafeo's own backups know nothing", e.Name)
}
