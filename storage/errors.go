package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// The causes that every backend distinguishes. Any other cause is passed on as it is
// inside an [*Error].
var (
	// ErrNotExist: there is no object under this key. It is also [fs.ErrNotExist].
	ErrNotExist error = sentinel{"object does not exist", fs.ErrNotExist}

	// ErrPreconditionFailed: a Put with IfAbsent found an object. After an attempt with
	// an unclear outcome that object may be the caller's own.
	ErrPreconditionFailed = errors.New("object exists already")

	// ErrInvalidRange: the offset of a Get is at or past the object's end, or a field
	// of the Range is negative.
	ErrInvalidRange = errors.New("range is outside the object")

	// ErrInvalidKey: the key breaks the rules of [CheckKey]. Nothing was sent.
	ErrInvalidKey = errors.New("invalid key")

	// ErrTooManyKeys: a DeleteAll has more keys than [MaxDelete]. Nothing was sent.
	ErrTooManyKeys = fmt.Errorf("more than %d keys", MaxDelete)

	// ErrPermission: the caller is not authenticated or not authorized. It is also
	// [fs.ErrPermission].
	ErrPermission error = sentinel{"permission denied", fs.ErrPermission}

	// ErrUnavailable: the store is busy, or it did not answer. The same call may
	// succeed later.
	ErrUnavailable = errors.New("the store is unavailable")

	// ErrNoStore: the bucket itself does not exist, so no object can exist in it either.
	// It does not match ErrNotExist, because neither a retry nor creating an object
	// helps.
	ErrNoStore = errors.New("bucket does not exist")

	// ErrNoConditionalPut: the store cannot create an object only if it is absent. It
	// is also [errors.ErrUnsupported].
	ErrNoConditionalPut error = sentinel{"the store cannot create an object only if it is absent", errors.ErrUnsupported}

	// ErrReadOnly: the store was opened for reading only. Nothing was sent.
	ErrReadOnly = errors.New("the store is open for reading only")

	// ErrNoVersions: the bucket keeps no versions of overwritten or deleted objects.
	ErrNoVersions = errors.New("the bucket keeps no versions")

	// ErrLocked: the version is locked, and cannot be deleted before its time.
	ErrLocked = errors.New("the version is locked")

	// ErrFull: the store is full, or a limit that its owner has set is reached.
	ErrFull = errors.New("the store is full")

	// ErrRefused: the store refused, for the reason in [Answer].Code. Nothing was
	// done.
	ErrRefused = errors.New("the store refused")

	// ErrSettings: no call can succeed with this address, these certificates or these
	// credentials. Retrying is useless until they are corrected.
	ErrSettings = errors.New("the settings are wrong")

	// ErrForeign: the answer does not come from the store, or was changed on the way: a
	// web page, a redirect, a compressed body. It says nothing about the objects.
	ErrForeign = errors.New("the answer does not come from the store")

	// ErrNoTime: the store does not show the time of its clock.
	ErrNoTime = errors.New("the store does not show what time it is")
)

// sentinel is an error with its own text that is also another error.
type sentinel struct {
	text string
	also error
}

func (s sentinel) Error() string        { return s.text }
func (s sentinel) Is(target error) bool { return target == s.also }

// Op names a method of [Storage].
type Op string

// The operations.
const (
	OpPut    Op = "put"
	OpGet    Op = "get"
	OpHead   Op = "head"
	OpList   Op = "list"
	OpDelete Op = "delete"
)

// Error is the error of one operation.
type Error struct {
	Op  Op
	Key string // for OpList the prefix, for a DeleteAll as a whole the first key
	Err error  // the cause: one of the errors above, or what the backend met

	// Answer is what a store behind a network answered, nil for other stores.
	Answer *Answer
}

// Answer is what is known about the last attempt of a call, to find the cause of an
// error. It contains no secrets.
type Answer struct {
	Status    int    // of HTTP, 0 if there was no answer
	Code      string // the store's name for the error, such as SlowDown; "" if it gives none
	Message   string // the store's text for people
	RequestID string // the name of the request in the store's own log
	Region    string // where the store says that the bucket is
	Location  string // where the store redirects to, without parameters
	Page      string // what the body is if it is nothing that a store sends, such as "an HTML page"

	Attempts int           // of the call, 0 if nothing was sent
	Elapsed  time.Duration // since the first attempt
}

func (e *Error) Error() string { return fmt.Sprintf("%s %s: %v", e.Op, e.Key, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
