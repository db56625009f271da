package grafeo

import (
	"errors"
	"fmt"
)

// What can be wrong with a database, for [errors.Is]. All but the first two
// have a type of their own that carries the details, for [errors.As].
var (
	// ErrEncrypted: the database is encrypted, so its epochs cannot be read.
	ErrEncrypted = errors.New("the database is encrypted")

	// ErrNotDatabase: the path is something else than a Grafeo database.
	// See [NotDatabaseError].
	ErrNotDatabase = errors.New("not a Grafeo database")

	// ErrUnsupportedVersion: written by a version of Grafeo that this package
	// does not know. See [UnsupportedVersionError].
	ErrUnsupportedVersion = errors.New("unsupported version of Grafeo")

	// ErrDamaged: bytes are missing or not those that were written. Of a copy
	// taken while a checkpoint ran it means that the copy is torn. See
	// [DamageError].
	ErrDamaged = errors.New("damaged")

	// ErrGap: a log does not continue where it has to. See [GapError].
	ErrGap = errors.New("the log has a gap")

	// ErrWrongDatabase: a file belongs to another database. See
	// [WrongDatabaseError].
	ErrWrongDatabase = errors.New("belongs to another database")
)

// NotDatabaseError says why the file at Path is not a Grafeo database.
type NotDatabaseError struct {
	Path   string
	Reason string
}

func (e *NotDatabaseError) Error() string {
	return fmt.Sprintf("%s: not a Grafeo database: %s", e.Path, e.Reason)
}

// Is makes the error one with [ErrNotDatabase].
func (e *NotDatabaseError) Is(target error) bool { return target == ErrNotDatabase }

// UnsupportedVersionError says what in the file at Path has which version that
// is not known here.
type UnsupportedVersionError struct {
	Path    string
	What    string // for instance "container format"
	Version string // as found, for instance "4"
}

func (e *UnsupportedVersionError) Error() string {
	return fmt.Sprintf("%s: %s %s is not supported", e.Path, e.What, e.Version)
}

// Is makes the error one with [ErrUnsupportedVersion].
func (e *UnsupportedVersionError) Is(target error) bool { return target == ErrUnsupportedVersion }

// DamageError says what is wrong at Offset, in bytes, of the file at Path. The
// Path is empty where the reader was not told one.
type DamageError struct {
	Path   string
	Offset int64
	What   string

	// mayBeTorn is set where an interrupted write of a log's newest bytes
	// leaves the same picture. Only [ScanLog] knows whether they are the newest.
	mayBeTorn bool
}

func (e *DamageError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("damaged at offset %d: %s", e.Offset, e.What)
	}
	return fmt.Sprintf("%s: damaged at offset %d: %s", e.Path, e.Offset, e.What)
}

// Is makes the error one with [ErrDamaged].
func (e *DamageError) Is(target error) bool { return target == ErrDamaged }

// GapError says that the log does not go on where it must. Want and Got are
// log positions (LSN) in generation 0.6, and in 0.5 what What says.
type GapError struct {
	Path      string
	What      string
	Want, Got uint64
}

func (e *GapError) Error() string {
	return fmt.Sprintf("%s: the log has a gap: %s: want %d, found %d", e.Path, e.What, e.Want, e.Got)
}

// Is makes the error one with [ErrGap].
func (e *GapError) Is(target error) bool { return target == ErrGap }

// WrongDatabaseError says that the file at Path carries the database id Got
// instead of Want.
type WrongDatabaseError struct {
	Path      string
	Want, Got string
}

func (e *WrongDatabaseError) Error() string {
	return fmt.Sprintf("%s: belongs to database %s, not to %s", e.Path, e.Got, e.Want)
}

// Is makes the error one with [ErrWrongDatabase].
func (e *WrongDatabaseError) Is(target error) bool { return target == ErrWrongDatabase }
