package archiver

import (
	"errors"
	"fmt"
)

// Code is the short stable name of a kind of error, for programs.
type Code string

// The codes of this package's errors, and of a [Check].
const (
	CodeFailed          Code = "failed"             // anything that has no code of its own
	CodeNotFound        Code = "database_not_found" // there is no file at the database's path
	CodeNotDatabase     Code = "not_a_database"     // what is at the path is not a Grafeo database
	CodeUnsupported     Code = "unsupported"        // a database or an archive of a kind that this version cannot handle
	CodeUnseenLog       Code = "log_unseen"         // the database's log is, or may be, beside another name or on another mount
	CodeDamagedDatabase Code = "damaged_database"   // checksums of the source do not match
	CodeBusyDatabase    Code = "database_busy"      // the source changed faster than it could be read
	CodeWrongDatabase   Code = "wrong_database"     // the archive belongs to another database
	CodeNeedsFull       Code = "needs_full"         // only a full backup would do, and the options forbid one
	CodeDamagedArchive  Code = "damaged_archive"    // an object of the archive is damaged or missing
	CodeNoArchive       Code = "no_archive"         // there is no archive
	CodeVanished        Code = "archive_vanished"   // what was at the archive's address is gone
	CodeNoBackup        Code = "no_backup"          // the archive exists, but not this backup, or it has none
	CodeUnreachable     Code = "target_unreachable" // the archive does not have the state that was asked for
	CodeLagging         Code = "lagging"            // the archive is further behind the database than allowed
	CodeUnproven        Code = "unproven"           // no drill has succeeded lately, or the newest one failed
	CodeForeignCursor   Code = "foreign_cursor"     // something else wrote or moved the cursor in the log folder
	CodeConflict        Code = "conflict"           // other writers were faster every time
	CodeUnknownOutcome  Code = "outcome_unknown"    // the store gave no answer to the commit
	CodeTargetExists    Code = "target_exists"      // something exists where the database is to be restored
	CodeTargetBusy      Code = "target_busy"        // another restore works on this target, or a database is open there
	CodePermission      Code = "permission_denied"  // by the store or the file system
	CodeUnsafeStore     Code = "unsafe_store"       // the store cannot create an object only if it is absent
	CodeNoStore         Code = "no_bucket"          // the bucket does not exist
	CodeDiskFull        Code = "disk_full"          // a disk, or a store, is full
	CodeStore           Code = "store_failed"       // the store did not answer, or answered with an error
	CodeLocked          Code = "locked"             // another process does not release a lock
	CodeInterrupted     Code = "interrupted"        // the context ended
	CodeNoRules         Code = "no_rules"           // there are no rules that say which backups stay
	CodeNeeded          Code = "backup_needed"      // a backup cannot be removed: it is the newest, or pinned
	CodeKeyMissing      Code = "key_missing"        // the archive is encrypted, and there is no key that opens what is needed
	CodeKeyWrong        Code = "key_wrong"          // none of the keys that were given opens the archive, or it is another one than before
	CodeRecipients      Code = "recipients_differ"  // the archive is encrypted for others than those who were given
	CodeNotEncrypted    Code = "not_encrypted"      // the archive is not encrypted, though it was before, or should be
	CodeRecipientNeeded Code = "recipient_needed"   // a recipient cannot be removed: nobody, or nobody here, could open later backups
	CodeEncrypted       Code = "encrypted"          // the archive is encrypted, though it was not before
	CodeLock            Code = "lock_too_short"     // the store does not lock objects for long enough, or at all
	CodeMirror          Code = "mirror"             // the archive is a mirror: only mirroring writes into it
	CodeNoRecipients    Code = "no_recipients"      // an encrypted archive would be copied without encryption
	CodeDigest          Code = "digest_differs"     // another digest is pinned for the state
	CodeExpires         Code = "objects_expire"     // only of a Check: the store deletes objects of the archive by itself
)

// The errors of each code, for [errors.Is]. [CodeFailed] has none, because it covers
// errors of all other kinds.
var (
	ErrNotFound        error = sentinel(CodeNotFound)
	ErrNotDatabase     error = sentinel(CodeNotDatabase)
	ErrUnsupported     error = sentinel(CodeUnsupported)
	ErrUnseenLog       error = sentinel(CodeUnseenLog)
	ErrDamagedDatabase error = sentinel(CodeDamagedDatabase)
	ErrBusyDatabase    error = sentinel(CodeBusyDatabase)
	ErrWrongDatabase   error = sentinel(CodeWrongDatabase)
	ErrNeedsFull       error = sentinel(CodeNeedsFull)
	ErrDamagedArchive  error = sentinel(CodeDamagedArchive)
	ErrNoArchive       error = sentinel(CodeNoArchive)
	ErrVanished        error = sentinel(CodeVanished)
	ErrNoBackup        error = sentinel(CodeNoBackup)
	ErrUnreachable     error = sentinel(CodeUnreachable)
	ErrLagging         error = sentinel(CodeLagging)
	ErrUnproven        error = sentinel(CodeUnproven)
	ErrForeignCursor   error = sentinel(CodeForeignCursor)
	ErrConflict        error = sentinel(CodeConflict)
	ErrUnknownOutcome  error = sentinel(CodeUnknownOutcome)
	ErrTargetExists    error = sentinel(CodeTargetExists)
	ErrTargetBusy      error = sentinel(CodeTargetBusy)
	ErrPermission      error = sentinel(CodePermission)
	ErrUnsafeStore     error = sentinel(CodeUnsafeStore)
	ErrNoStore         error = sentinel(CodeNoStore)
	ErrDiskFull        error = sentinel(CodeDiskFull)
	ErrStore           error = sentinel(CodeStore)
	ErrLocked          error = sentinel(CodeLocked)
	ErrInterrupted     error = sentinel(CodeInterrupted)
	ErrNoRules         error = sentinel(CodeNoRules)
	ErrNeeded          error = sentinel(CodeNeeded)
	ErrKeyMissing      error = sentinel(CodeKeyMissing)
	ErrKeyWrong        error = sentinel(CodeKeyWrong)
	ErrRecipients      error = sentinel(CodeRecipients)
	ErrNotEncrypted    error = sentinel(CodeNotEncrypted)
	ErrRecipientNeeded error = sentinel(CodeRecipientNeeded)
	ErrEncrypted       error = sentinel(CodeEncrypted)
	ErrLock            error = sentinel(CodeLock)
	ErrMirror          error = sentinel(CodeMirror)
	ErrNoRecipients    error = sentinel(CodeNoRecipients)
	ErrDigest          error = sentinel(CodeDigest)
)

// sentinel stands for all errors with this code.
type sentinel Code

func (s sentinel) Error() string { return string(s) }

// Error is the error of every exported function of this package: what went wrong, with
// a stable name for programs. It wraps the cause with its type, for [errors.As]: a
// [storage.Error] of a store, an [fs.PathError] and the like of the system, and a
// [NewestError], [DocumentError], [UpgradeError], [ScratchError], [NeedsFullError] or [KeysError] where the next step depends on more
// than the code.
type Error struct {
	Code Code
	Err  error // what happened

	// Hint is the next step, in a sentence, where a code stands for cases that only this
	// package can tell apart. It is "" where the next step follows from the code and the
	// cause.
	Hint string
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is the sentinel of e's code.
func (e *Error) Is(target error) bool {
	s, ok := target.(sentinel) //nolint:errorlint // it is one, or it is not
	return ok && Code(s) == e.Code
}

// CodeOf returns the code of err, "" for nil, and [CodeFailed] for errors of others.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeFailed
}

// NewestError says that the manifest of the newest backup is damaged. What that backup
// was is not known, so no backup can continue it; earlier ones are not affected. Its
// code is [CodeDamagedArchive].
type NewestError struct {
	Key    string // of the manifest
	Seq    uint64 // the number of the backup
	Before uint64 // the number of the one before it, 0 if there is none
	Err    error
}

func (e *NewestError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *NewestError) Unwrap() error { return e.Err }

// DocumentError says that archive.json is damaged, or missing although there are
// backups. Its code is [CodeDamagedArchive].
type DocumentError struct{ Err error }

func (e *DocumentError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *DocumentError) Unwrap() error { return e.Err }

// ScratchError is the error for a drill that could not be done in its scratch folder: it is
// missing, cannot be written to, or has no room. It says nothing about the archive.
type ScratchError struct {
	Folder string // as [DrillOptions.Scratch] has it
	Err    error
}

func (e *ScratchError) Error() string {
	return fmt.Sprintf("no drill can be done in %s: %v", e.Folder, e.Err)
}

// Unwrap returns what the system said.
func (e *ScratchError) Unwrap() error { return e.Err }

// UpgradeError is the error for a database of 0.6 that may be the archive's database
// after an upgrade from 0.5, if nothing proves it. Its code is [CodeWrongDatabase].
type UpgradeError struct {
	Old string // where the upgrade leaves the old database, which would show it; "" if a directory is there that does not
	Err error
}

func (e *UpgradeError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *UpgradeError) Unwrap() error { return e.Err }

// NeedsFullError is the error if only a full backup can be taken and
// [BackupOptions.NoFull] forbids it. Its code is [CodeNeedsFull].
type NeedsFullError struct {
	Why      string // why no incremental one would do
	RawBytes int64  // that a full one would read
	Err      error
}

func (e *NeedsFullError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *NeedsFullError) Unwrap() error { return e.Err }
