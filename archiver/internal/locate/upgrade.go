package locate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Grafeo 0.6 upgrades a 0.5 database when it opens it: what it makes of it has a new id
// and gets the old name, and the old one is kept under another (docs/grafeo-format.md,
// section 1).

// Identify checks, by its first bytes, that there is a database at path, as
// [grafeo.Identify] does. If nothing is there, the error says why, see [ExplainMissing].
func Identify(path string) error {
	_, err := grafeo.Identify(path)
	return ExplainMissing(path, err)
}

// ExplainMissing makes err, of opening the database at path, an [*UnfinishedUpgradeError]
// or a [*MissingError] if nothing is there. Other errors, and nil, it returns as they are.
func ExplainMissing(path string, err error) error {
	return Missing(interruptedUpgrade(path, err))
}

// interruptedUpgrade explains err, which says that there is no database at path, if an
// upgrade to 0.6 was interrupted after it had taken the old database's name away.
func interruptedUpgrade(path string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) || disk.Exists(path) || !disk.Exists(grafeo.PreUpgrade(path)) {
		return err
	}
	old := grafeo.PreUpgrade(path)
	what := fmt.Errorf("%w: its upgrade to 0.6 was interrupted, or is running at this moment; %s is the database that was upgraded", err, old)
	if disk.IsFolder(grafeo.LogDir(path)) && !disk.Exists(grafeo.LogDir(old)) {
		what = fmt.Errorf("%w, and its log is still in %s", what, grafeo.LogDir(path))
	}
	if !disk.Exists(grafeo.Migrating(path)) {
		what = fmt.Errorf("%w: %s is a database that was upgraded to 0.6, and what became of it is gone", err, old)
		return &UnfinishedUpgradeError{Path: path, Err: what}
	}
	return &UnfinishedUpgradeError{Path: path, New: true, Err: what}
}

// MissingError is the error for a path at which there is nothing.
type MissingError struct{ Err error }

func (e *MissingError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the file system.
func (e *MissingError) Unwrap() error { return e.Err }

// Missing makes err a [*MissingError] if it says that nothing is there.
func Missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &MissingError{err}
	}
	return err
}

// Gone returns, in place of err, of reading a database that was at path, what [Identify] says
// if there is none any more: then err says nothing but that. Otherwise, it returns err.
func Gone(path string, err error) error {
	if err == nil {
		return nil
	}
	now := Identify(path)
	if _, isOther := errors.AsType[*grafeo.NotDatabaseError](now); isOther || errors.Is(now, fs.ErrNotExist) {
		return fmt.Errorf("it was there a moment ago: %w", now)
	}
	return err
}

// UnfinishedUpgradeError is the error for a path at which there is no database because an
// upgrade to 0.6 was interrupted.
type UnfinishedUpgradeError struct {
	Path string
	New  bool // what the upgrade has made is there, so that Grafeo can finish it
	Err  error
}

func (e *UnfinishedUpgradeError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *UnfinishedUpgradeError) Unwrap() error { return e.Err }

// checkUpgrade refuses the old database of an interrupted upgrade whose log is still beside
// the name that it had.
func (f *logFinder) checkUpgrade(logs []os.FileInfo) error {
	name, isOld := grafeo.CutPreUpgrade(f.path)
	if !isOld || len(logs) > 0 || disk.Exists(name) {
		return nil
	}
	if other, err := f.logs(name); err != nil || len(other) == 0 {
		return nil //nolint:nilerr // it is about another database
	}
	return &UnseenLogError{OldDatabase, name,
		fmt.Sprintf("%s is the old database of an upgrade to 0.6 that was interrupted, and its log is still in %s", f.path, grafeo.LogDir(name))}
}
