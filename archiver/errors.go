package archiver

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Code is the short stable name of a kind of error, for programs.
type Code string

// The codes of this package's errors.
const (
	CodeFailed          Code = "failed"             // anything that has no code of its own
	CodeNotFound        Code = "database_not_found" // there is no file at the database's path
	CodeNotDatabase     Code = "not_a_database"     // what is there is no Grafeo database
	CodeUnsupported     Code = "unsupported"        // a database or an archive of a kind that this version cannot handle
	CodeUnseenLog       Code = "log_unseen"         // the database's log is, or may be, beside another name or on another mount
	CodeDamagedDatabase Code = "damaged_database"   // checksums of the source do not match
	CodeBusyDatabase    Code = "database_busy"      // the source changed faster than it could be read
	CodeWrongDatabase   Code = "wrong_database"     // the archive belongs to another database
	CodeDamagedArchive  Code = "damaged_archive"    // an object of the archive is damaged or missing
	CodeNoArchive       Code = "no_archive"         // there is no archive
	CodeVanished        Code = "archive_vanished"   // what was at the archive's address before is not there
	CodeNoBackup        Code = "no_backup"          // there is an archive, but not this backup, or none
	CodeUnreachable     Code = "target_unreachable" // the archive does not have the state that was asked for
	CodeForeignCursor   Code = "foreign_cursor"     // the cursor in the log folder is somebody else's
	CodeConflict        Code = "conflict"           // other writers were faster, every time
	CodeUnknownOutcome  Code = "outcome_unknown"    // the store gave no answer to the commit
	CodeTargetExists    Code = "target_exists"      // something is where the database is to be restored
	CodeTargetBusy      Code = "target_busy"        // another restore works on this target, or a database is open there
	CodePermission      Code = "permission_denied"  // by the store or the file system
	CodeUnsafeStore     Code = "unsafe_store"       // the store cannot create an object only if it is absent
	CodeNoStore         Code = "no_bucket"          // the bucket is not there
	CodeDiskFull        Code = "disk_full"          // a disk, or a store, has no room
	CodeStore           Code = "store_failed"       // the store did not answer, or answered with an error
	CodeLocked          Code = "locked"             // another process has not given up a lock
	CodeInterrupted     Code = "interrupted"        // the context ended
)

// Error is the error of every exported function of this package: what went
// wrong, with a stable name for programs. The cause is in it with its type: of a
// store's errors [storage.Error], of the system's [fs.PathError] and the like.
type Error struct {
	Code Code
	Err  error // what happened

	// Hint is what to do next, a sentence, where only this package can know; else
	// it is "", and the next step follows from the code and the cause.
	Hint string
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf is the code of err, "" for nil, and [CodeFailed] for errors of others.
func CodeOf(err error) Code {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	}
	return CodeFailed
}

// explain gives err its code, unless it has one already.
func explain(err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return &Error{Code: known.Code, Err: err, Hint: known.Hint}
	}
	code, hint := classify(err)
	return &Error{Code: code, Err: err, Hint: hint}
}

func classify(err error) (Code, string) {
	var unsupportedDatabase *grafeo.UnsupportedVersionError
	var unsupportedDocument *manifest.UnsupportedError
	var notDatabase *grafeo.NotDatabaseError
	var wrongDatabase *grafeo.WrongDatabaseError
	var gap *grafeo.GapError
	var store *storage.Error
	var object *manifest.ObjectError
	var locked *disk.LockedError
	var vanished *VanishedError
	switch {
	case errors.As(err, &vanished):
		return CodeVanished, ""
	case errors.As(err, &locked):
		return CodeLocked, ""
	case errors.Is(err, grafeo.ErrDamaged), errors.As(err, &wrongDatabase), errors.As(err, &gap):
		return CodeDamagedDatabase, ""
	case errors.Is(err, grafeo.ErrEncrypted):
		return CodeUnsupported, "The checksums of an encrypted database cannot be proved without its key, so it is not archived. Back up an unencrypted copy, or the whole folder with another tool while the database is closed."
	case errors.As(err, &unsupportedDatabase):
		return CodeUnsupported, "Look for a newer gbak-s3, or back up with the Grafeo version that wrote the file."
	case errors.As(err, &notDatabase):
		return CodeNotDatabase, ""
	case errors.As(err, &unsupportedDocument):
		return CodeUnsupported, "Use the newest gbak-s3: the archive was written by a later version."
	case errors.As(err, &object), errors.Is(err, manifest.ErrDamaged):
		return CodeDamagedArchive, ""
	case errors.Is(err, storage.ErrNoConditions):
		return CodeUnsafeStore, ""
	case errors.Is(err, errVanished):
		return CodeStore, "Nothing was committed. The store loses what it is given, or something on the way answers in its place. Try the store, and run it again."
	case errors.Is(err, storage.ErrNoStore):
		return CodeNoStore, ""
	case errors.Is(err, storage.ErrNoRoom), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return CodeDiskFull, ""
	case errors.Is(err, storage.ErrPermission), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return CodePermission, ""
	case errors.As(err, &store):
		return CodeStore, ""
	}
	return CodeFailed, ""
}

// isStorage tells that err is the store's, and not about what it holds.
func isStorage(err error) bool {
	var store *storage.Error
	return errors.As(err, &store)
}
