package storage

import "context"

// Tamperer is a [Storage] that can try what a thief of its credentials would do, beyond
// the operations of [Storage]. It shows what a bucket withstands, on objects that were put
// for that purpose. A backend need not be one.
type Tamperer interface {
	// Tamper tries to do something to the newest version of an object. An error, which is
	// an [*Error], means that the outcome is not known. If it is [ErrNoVersions], the
	// bucket keeps no versions, and if it is [ErrNotExist], there is no such object: in
	// both cases nothing was tried. [DeleteVersion] also deletes what hides versions,
	// after a Delete.
	Tamper(ctx context.Context, key string, how Tampering) (TamperOutcome, error)
}

// Tamper is [Tamperer].Tamper of s, or [ErrNoVersions] if s is no Tamperer.
func Tamper(ctx context.Context, s Storage, key string, how Tampering) (TamperOutcome, error) {
	if t, ok := s.(Tamperer); ok {
		return t.Tamper(ctx, key, how)
	}
	return "", &Error{Op: OpPut, Key: key, Err: ErrNoVersions}
}

// Tampering is something that may be tried.
type Tampering string

// What may be tried. Locks that are set or shortened end a minute later.
const (
	ReplaceVersion  Tampering = "replace version"   // put other bytes in the place of a version
	BackdateVersion Tampering = "backdate version"  // put a version that counts as older than the others
	DeleteVersion   Tampering = "delete version"    // for good, despite its lock if possible
	LockBriefly     Tampering = "put with own lock" // instead of the one that the bucket gives
	ShortenLock     Tampering = "shorten lock"
)

// TamperOutcome is the result of a [Tampering].
type TamperOutcome string

// The outcomes.
const (
	TamperDone    TamperOutcome = "done"
	TamperDenied  TamperOutcome = "denied"  // these credentials may not
	TamperRefused TamperOutcome = "refused" // for another reason, such as a lock, or because the store does not support it
)
