// Package storage defines what an archive needs from a store: five operations on
// objects and one condition, create-if-absent.
//
// A store keeps objects. An object is an immutable sequence of bytes under a key, a
// name such as "manifests/0000000042.json"; the beginning of a key is a prefix. A
// conditional Put creates an object only if its key does not exist yet: all commits
// rest on that promise. An operation, one call of a method, makes one or more requests;
// each attempt of a request counts, see [CountRequests].
//
// A backend is an implementation of [Storage]. The subpackages [local] (a directory)
// and [s3] are backends, [driver] is for writing others, and storagetest is the suite
// that each must pass: it has a named subtest for every sentence of the contract.
//
// [local]: https://pkg.go.dev/github.com/gbak-s3/gbak-s3/storage/local
// [s3]: https://pkg.go.dev/github.com/gbak-s3/gbak-s3/storage/s3
// [driver]: https://pkg.go.dev/github.com/gbak-s3/gbak-s3/storage/driver
package storage

import (
	"context"
	"io"
	"iter"
	"time"
)

// Storage is a store. A key (see [CheckKey]) is either an object or, followed by '/',
// the beginning of other keys: a backend may refuse a Put that would make it both,
// since no directory can hold that.
//
// All methods may be called concurrently. A method whose ctx has ended already has no
// effect and returns an error that wraps [context.Cause] of ctx. Every error is an
// [*Error].
//
// A backend retries transient failures itself, for a limited time, and then returns
// [ErrUnavailable]. A conditional Put is attempted only once: what an unclear answer
// means is for the caller to decide.
//
// A Storage may also be a [BatchDeleter], a [Clock], an [Inspector], a [Locker], a
// [Tamperer], an [OriginChecker], a [NeighbourLister], a [VersionDeleter] or a
// [VersionTurner]. A Storage that wraps another one should pass these on.
type Storage interface {
	// Put stores the bytes from body's current offset to its end under key. When it
	// returns nil, they are durable, and every later Get, Head and List sees them. An
	// object is never visible in part: after an error or a cancellation there is the
	// old object or the new one, never a mixture.
	//
	// With opts.IfAbsent, at most one of any number of concurrent calls in any number
	// of processes succeeds. The others return [ErrPreconditionFailed] and change
	// nothing. A store that reports that it cannot keep this promise returns
	// [ErrNoConditionalPut] and stores nothing. After any other error of a conditional
	// Put the outcome is unknown.
	//
	// Put may read body more than once, each time from the offset it had.
	Put(ctx context.Context, key string, body io.ReadSeeker, opts PutOptions) (PutResult, error)

	// Get opens the object, or the part of it that r names. The caller must close the
	// reader, which is usable until ctx ends and then fails with the cause. The
	// ObjectInfo describes the whole object.
	//
	// A missing object is [ErrNotExist]. An offset at or past the end of the object is
	// [ErrInvalidRange], unless r is the zero Range. A length that reaches past the end
	// is cut there. A transfer that ends early is [io.ErrUnexpectedEOF], never a clean
	// end; one that breaks off for another passing reason is [ErrUnavailable].
	Get(ctx context.Context, key string, r Range) (io.ReadCloser, ObjectInfo, error)

	// Head describes the object. A missing one is [ErrNotExist].
	Head(ctx context.Context, key string) (ObjectInfo, error)

	// List yields all objects whose keys begin with prefix and are greater than after,
	// in ascending byte order of their keys. Either may be empty. A prefix that no key
	// has yields nothing. The first error ends the sequence and is its last pair.
	// Objects that are put or deleted meanwhile may or may not appear. Breaking out of
	// the loop ends all I/O.
	List(ctx context.Context, prefix, after string) iter.Seq2[ObjectInfo, error]

	// Delete removes the object. Deleting a missing one is no error.
	Delete(ctx context.Context, key string) error
}

// PutOptions modify one Put. With the zero value, Put overwrites.
type PutOptions struct {
	// IfAbsent makes the Put fail with [ErrPreconditionFailed] if the key exists.
	IfAbsent bool

	// SHA256 is the digest of the body where the caller knows it, else nil. A backend
	// uses it instead of computing its own. A body with another digest is an error, and
	// stores nothing where the backend can tell.
	SHA256 *[32]byte
}

// PutResult describes what a Put has stored.
type PutResult struct {
	Size int64 // of the object, in bytes

	// Proved reports whether the store has shown that it has exactly these bytes: its
	// answer has a checksum of them, which only somebody who received them can
	// compute. (A store on this host compares them with the caller's digest instead.)
	// A proxy that answers on the store's behalf proves nothing. Not every store
	// proves what it stores; without a proof, Head shows whether the object exists.
	Proved bool

	// PutAt is when the object was written, by the store's clock, which may be cut to the
	// second; the zero time if the store does not say.
	PutAt time.Time
}

// ObjectInfo describes an object.
type ObjectInfo struct {
	Key  string
	Size int64 // in bytes

	// ModTime is when the object was written, by the store's clock: see [Clock]. It may
	// decide when the bytes of an object that nothing needs are deleted, but never whether
	// something needs them: copying a store changes it.
	ModTime time.Time

	// SHA256 is the digest that the store keeps of the object, or nil where it keeps
	// none. Only Head asks for it: Get and List may leave it out.
	SHA256 *[32]byte
}

// Range is a part of an object. The zero Range is all of it.
type Range struct {
	Offset int64 // of the first byte, not negative
	Length int64 // in bytes; 0 means to the end
}

// Clip returns the offset and the length of the part of an object of size bytes that r
// names, cut off at the object's end, or [ErrInvalidRange].
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
