package manifest

import (
	"fmt"
	"time"
)

// Archive is the document at [ArchiveKey]. The first backup creates it, and nothing
// changes it.
type Archive struct {
	Type      string    `json:"type"`       // "archive"
	Format    int       `json:"format"`     // of everything in the archive
	ArchiveID string    `json:"archive_id"` // 32 hex digits, random; in every manifest
	CreatedAt time.Time `json:"created_at"`
	Tool      string    `json:"tool"`

	// Conditions is what the first backup found out about the store. It is nil in
	// archives of versions that did not probe it.
	Conditions *Conditions `json:"conditions,omitempty"`

	// Encryption is null if the archive is not encrypted. That never changes.
	Encryption *Encryption `json:"encryption"`
}

// Conditions is what a probe found out about conditional writes: whether the store
// creates an object only if it is absent, the one promise that commits rely on.
type Conditions struct {
	Verdict  Verdict   `json:"verdict"`
	ProbedAt time.Time `json:"probed_at"`

	// SingleWriter is true if the archive was made on a store without conditional
	// writes, and the user accepted that: only one process at a time may write to it.
	SingleWriter bool `json:"single_writer"`
}

// Verdict is how a store treats the condition of a conditional write.
type Verdict string

// The verdicts.
const (
	Honoured  Verdict = "honoured"   // as far as a probe can tell: it may refute, but not prove it
	Ignored   Verdict = "ignored"    // it overwrites
	Rejected  Verdict = "rejected"   // it refuses conditional puts
	NotAtomic Verdict = "not_atomic" // of concurrent puts several succeed
	Lying     Verdict = "lying"      // its answers do not match what it does
)

// Description says what a store with this verdict does: the end of a sentence about it.
func (v Verdict) Description() string {
	switch v {
	case Honoured:
		return "creates an object only if it is absent"
	case Ignored:
		return "overwrites an object that was to be created only if it is absent, and says that all is well"
	case Rejected:
		return "refuses to create an object only if it is absent"
	case NotAtomic:
		return "lets several writers create one object at the same time, and tells each of them that it has"
	case Lying:
		return "does something else with conditional puts than it answers"
	}
	return ""
}

// Encode returns the document's bytes. It sets Type and Format.
func (a *Archive) Encode() []byte {
	a.Type, a.Format = typeArchive, Format
	return encode(a)
}

// DecodeArchive decodes what [Archive.Encode] returned. Errors are [ErrDamaged] or
// an [*UnsupportedError].
func DecodeArchive(b []byte) (*Archive, error) {
	var a Archive
	if err := decode(b, typeArchive, &a); err != nil {
		return nil, err
	}
	if !isID(a.ArchiveID) {
		return nil, fmt.Errorf("%w: archive id %q", ErrDamaged, a.ArchiveID)
	}
	if c := a.Conditions; c != nil {
		switch c.Verdict {
		case Honoured:
		case Ignored, Rejected, NotAtomic, Lying:
			if !c.SingleWriter {
				return nil, fmt.Errorf("%w: conditions are %s, and it is not for a single writer", ErrDamaged, c.Verdict)
			}
		default:
			return nil, fmt.Errorf("%w: the verdict %q on conditions", ErrDamaged, c.Verdict)
		}
	}
	if e := a.Encryption; e != nil {
		if e.Scheme != Scheme {
			return nil, &UnsupportedError{What: fmt.Sprintf("the encryption %q", e.Scheme)}
		}
		if err := e.Keys.validate(0); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	return &a, nil
}

func isID(s string) bool {
	if len(s) != 32 {
		return false
	}
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
