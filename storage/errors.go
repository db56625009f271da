package storage

import (
	"errors"
	"fmt"
	"io/fs"
)

// What a backend tells apart. Everything else that goes wrong is passed on as
// the cause inside an [*Error].
var (
	// ErrNotExist: there is no object under this key. It is also
	// [fs.ErrNotExist].
	ErrNotExist = sentinel{"object does not exist", fs.ErrNotExist}

	// ErrPreconditionFailed: a Put with IfAbsent met an object. After an
	// attempt with an unclear outcome that object may be the caller's own.
	ErrPreconditionFailed = errors.New("object exists already")

	// ErrInvalidRange: the offset of a Get lies at or behind the object's end,
	// or a field of the Range is negative.
	ErrInvalidRange = errors.New("range is outside of the object")

	// ErrInvalidKey: the key breaks the rules of [CheckKey]. Nothing was sent.
	ErrInvalidKey = errors.New("invalid key")

	// ErrPermission: the store knows us and says no, or does not know us. It
	// is also [fs.ErrPermission].
	ErrPermission = sentinel{"permission denied", fs.ErrPermission}

	// ErrUnavailable: the store is busy, or nothing was heard of it. The same
	// call may succeed later.
	ErrUnavailable = errors.New("the store does not answer now")

	// ErrNoStore: the bucket itself is not there, so no object can be. It is
	// not ErrNotExist: retrying or creating an object cannot help.
	ErrNoStore = errors.New("bucket does not exist")
)

// sentinel is an error with a text of its own that is also another one.
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

// Error is the error of one operation on one key (for OpList: the prefix).
type Error struct {
	Op  Op
	Key string
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("%s %s: %v", e.Op, e.Key, e.Err) }

// Unwrap gives the cause: one of the sentinels of this package or what the
// backend met.
func (e *Error) Unwrap() error { return e.Err }
