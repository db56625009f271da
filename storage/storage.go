// Package storage is what an archive needs of the place that keeps it: five
// operations on objects named by keys, with one condition, create-if-absent.
//
// Backends are subpackages ([local], [s3]); each passes the suite in
// storagetest, which has one named subtest for every sentence of the contract
// below. The package is imported by archiver and by the backends; it imports
// neither.
//
// [local]: https://pkg.go.dev/github.com/gbak-s3/gbak-s3/storage/local
// [s3]: https://pkg.go.dev/github.com/gbak-s3/gbak-s3/storage/s3
package storage

import (
	"context"
	"io"
	"iter"
	"time"
)

// Storage keeps objects: immutable byte strings, each under a key (see
// [CheckKey]). A key is either an object or, followed by '/', the beginning of
// other keys: a backend may refuse to put what would make it both, since no
// folder can hold that.
//
// All methods may be called concurrently. A method whose ctx is cancelled
// already has no effect and returns an error that wraps [context.Cause] of it.
// Every error is an [*Error].
//
// A backend retries transient failures by itself, for a time, except in a
// conditional Put: there one attempt is made, so that the caller decides what an
// unclear answer means. Such a failure is [ErrUnavailable] in the end. Each attempt is counted in the ctx's [Requests], see [CountRequests].
type Storage interface {
	// Put stores the bytes from body's current offset to its end under key.
	// When it returns nil, they are durable and every later Get, Head and List
	// sees them. An object is never visible in part: after an error or a
	// cancellation there is the old object or the new one, never a mixture.
	//
	// With opts.IfAbsent, at most one of any number of concurrent calls in any
	// number of processes succeeds; the others get [ErrPreconditionFailed] and
	// change nothing. A store that cannot keep that promise and says so gives
	// [ErrNoConditionalPut] and stores nothing. Any other error of a
	// conditional Put means that the outcome is unknown.
	//
	// Put may read body more than once, each time from the offset it had.
	Put(ctx context.Context, key string, body io.ReadSeeker, opts PutOptions) (PutResult, error)

	// Get opens the object, or the part of it that r names. The caller closes
	// the reader. A missing object is [ErrNotExist]; an offset at or behind the
	// object's end is [ErrInvalidRange], unless r is the zero Range. A length
	// that reaches past the end is cut there. The ObjectInfo describes the
	// whole object, also for a part. A transfer that ends early surfaces as
	// [io.ErrUnexpectedEOF], never as a clean end; what else breaks it off, and may
	// pass, is [ErrUnavailable]. The reader is usable until
	// ctx ends; after that it fails with the cause.
	Get(ctx context.Context, key string, r Range) (io.ReadCloser, ObjectInfo, error)

	// Head describes the object. A missing one is [ErrNotExist].
	Head(ctx context.Context, key string) (ObjectInfo, error)

	// List yields all objects whose keys begin with prefix and are greater than
	// after, in ascending byte order of their keys. Either may be empty. A
	// prefix that no key has yields nothing. The first error ends the sequence
	// and is its last pair. Objects put or deleted meanwhile may or may not
	// appear. Breaking out of the loop ends all I/O.
	List(ctx context.Context, prefix, after string) iter.Seq2[ObjectInfo, error]

	// Delete removes the object. Deleting a missing one is no error.
	Delete(ctx context.Context, key string) error
}

// PutOptions modify one Put.
type PutOptions struct {
	// IfAbsent makes the Put fail with [ErrPreconditionFailed] if the key
	// exists.
	IfAbsent bool

	// SHA256 is the digest of the body where the caller knows it, else nil. A
	// backend uses it instead of computing its own; a body that does not match
	// is an error and stores nothing where the backend can tell.
	SHA256 *[32]byte
}

// PutResult describes what a Put has stored.
type PutResult struct {
	Size int64 // of the object, in bytes

	// Proved reports whether the store has shown that it has exactly these bytes:
	// its answer has a checksum of them, which only somebody who received them can
	// compute. A proxy that says yes on the store's behalf proves nothing. Not every
	// store proves what it stores; without a proof, Head shows whether the object
	// exists.
	Proved bool
}

// ObjectInfo describes an object.
type ObjectInfo struct {
	Key  string
	Size int64 // bytes

	// ModTime is when the store says that the object was written, for people
	// to read; nothing may depend on it.
	ModTime time.Time

	// SHA256 is the digest that the store keeps of the object, or nil where it
	// keeps none. Only Head asks for it: List and Get may leave it out.
	SHA256 *[32]byte
}

// Range is a part of an object. The zero Range is all of it.
type Range struct {
	Offset int64 // first byte, not negative
	Length int64 // number of bytes; 0 means to the end
}

// Clip returns the offset and the length of the part of an object of size bytes
// that r names, cut off at the object's end, or [ErrInvalidRange].
func (r Range) Clip(size int64) (offset, length int64, err error) {
	if r == (Range{}) {
		return 0, size, nil
	}
	if r.Offset < 0 || r.Length < 0 || r.Offset >= size {
		return 0, 0, ErrInvalidRange
	}
	rest := size - r.Offset
	if r.Length == 0 || r.Length > rest {
		return r.Offset, rest, nil
	}
	return r.Offset, r.Length, nil
}
