package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
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

	// ErrNoConditionalPut: the store cannot create an object only if it is absent. It
	// is also [errors.ErrUnsupported].
	ErrNoConditionalPut = sentinel{"the store cannot create an object only if it is absent", errors.ErrUnsupported}

	// ErrNoRoom: the store is full, or its owner has set a limit that is reached.
	ErrNoRoom = errors.New("the store has no room")

	// ErrRefused: the store has said no, for a reason that has a name of its own in
	// [Answer].Code. Nothing was done.
	ErrRefused = errors.New("the store refuses")

	// ErrSettings: with this address, these certificates or these credentials no
	// call can succeed. Asking again is useless before somebody changes them.
	ErrSettings = errors.New("the settings are wrong")

	// ErrForeign: what has answered is not the store, or has changed what the
	// store said: a web page, a redirect, a compressed body. It says nothing about
	// the objects.
	ErrForeign = errors.New("the answer is not the store's")
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

	// Answer is what was heard from a store behind a network, nil for others.
	Answer *Answer
}

// Answer is what is known of the last attempt of a call, for those who look for
// the cause. There are no secrets in it.
type Answer struct {
	Status    int    // of HTTP, 0 if there was no answer
	Code      string // what the store calls the error, such as SlowDown; "" if it does not say
	Message   string // what it says for people
	RequestID string // by which its own log knows the request
	Region    string // where it says that the bucket is
	Location  string // where it sends us, without parameters
	Page      string // what the body is if it is nothing that a store says, such as "an HTML page"

	Attempts int           // of the call, 0 if nothing was sent
	Elapsed  time.Duration // since its first one
}

func (e *Error) Error() string { return fmt.Sprintf("%s %s: %v", e.Op, e.Key, e.Err) }

// Unwrap gives the cause: one of the sentinels of this package or what the
// backend met.
func (e *Error) Unwrap() error { return e.Err }
