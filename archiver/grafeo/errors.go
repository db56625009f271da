package grafeo

import (
	"errors"
	"fmt"
)

// What can be wrong with a database, for [errors.Is]. All but ErrEncrypted have a type
// with the details, for [errors.As].
var (
	// ErrEncrypted: the database is encrypted, so its epochs cannot be read.
	ErrEncrypted = errors.New("the database is encrypted")

	// ErrNotDatabase: what is at the path is not a Grafeo database. See [NotDatabaseError].
	ErrNotDatabase = errors.New("not a Grafeo database")

	// ErrUnsupportedVersion: written by a version of Grafeo that this package
	// does not know. See [UnsupportedVersionError].
	ErrUnsupportedVersion = errors.New("unsupported version of Grafeo")

	// ErrDamaged: bytes are missing, or are not those that were written. A copy made
	// during a checkpoint may also be torn. See [DamageError].
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

// Is reports whether target is [ErrNotDatabase].
func (e *NotDatabaseError) Is(target error) bool { return target == ErrNotDatabase }

// UnsupportedVersionError says which part of the file at Path has which unknown version.
type UnsupportedVersionError struct {
	Path    string
	What    string // for instance "container format"
	Version string // as found, for instance "4"
}

func (e *UnsupportedVersionError) Error() string {
	return fmt.Sprintf("%s: %s %s is not supported", e.Path, e.What, e.Version)
}

// Is reports whether target is [ErrUnsupportedVersion].
func (e *UnsupportedVersionError) Is(target error) bool { return target == ErrUnsupportedVersion }

// DamageError says what is wrong at Offset, in bytes, of the file at Path. The Path is
// empty if the reader did not know it.
type DamageError struct {
	Path   string
	Offset int64
	What   string

	// mayBeTorn is set if an interrupted write of the log's newest bytes would look
	// the same. Only [ScanLog] knows whether they are the newest.
	mayBeTorn bool
}

func (e *DamageError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("damaged at offset %d: %s", e.Offset, e.What)
	}
	return fmt.Sprintf("%s: damaged at offset %d: %s", e.Path, e.Offset, e.What)
}

// Is reports whether target is [ErrDamaged].
func (e *DamageError) Is(target error) bool { return target == ErrDamaged }

// GapError says that the log does not continue where it must. Want and Got are log
// positions (LSN) in generation 0.6, and in 0.5 what What says.
type GapError struct {
	Path      string
	What      string
	Want, Got uint64
}

func (e *GapError) Error() string {
	return fmt.Sprintf("%s: the log has a gap: %s: want %d, found %d", e.Path, e.What, e.Want, e.Got)
}

// Is reports whether target is [ErrGap].
func (e *GapError) Is(target error) bool { return target == ErrGap }

// WrongDatabaseError says that the file at Path has the database id Got instead of Want.
type WrongDatabaseError struct {
	Path      string
	Want, Got string
}

func (e *WrongDatabaseError) Error() string {
	return fmt.Sprintf("%s: belongs to database %s, not to %s", e.Path, e.Got, e.Want)
}

// Is reports whether target is [ErrWrongDatabase].
func (e *WrongDatabaseError) Is(target error) bool { return target == ErrWrongDatabase }
