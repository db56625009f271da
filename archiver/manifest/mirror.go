package manifest

import (
	"fmt"
	"time"
)

// JournalPrefix is what the keys of manifests, [MirrorKey] and [DetachedKey] begin with, and no
// others of an archive. A list shows the two after the manifests, so the request that finds the
// newest manifest also shows whether the archive is a mirror.
const JournalPrefix = "m"

// Mirror is the document at [MirrorKey], the first object of a mirror: an archive that is
// another one, byte for byte, and into which only mirroring writes. It is also the one at
// [DetachedKey], which ends that. Both are created once, and not encrypted in an encrypted
// archive either.
type Mirror struct {
	Type      string    `json:"type"` // "mirror" or "mirror_detached"
	Format    int       `json:"format"`
	ArchiveID string    `json:"archive_id"` // otherwise it says nothing about the archive
	Source    string    `json:"source"`     // the address of the other archive, for people; "" if it is detached
	At        time.Time `json:"at"`
	Tool      string    `json:"tool"`
	Host      string    `json:"host"`
}

// Encode returns the bytes of the document at [MirrorKey]. It sets Type and Format.
func (m *Mirror) Encode() []byte { return m.encodeAs(typeMirror) }

// EncodeDetached returns the bytes of the document at [DetachedKey]. It sets Type and Format.
func (m *Mirror) EncodeDetached() []byte { return m.encodeAs(typeDetached) }

func (m *Mirror) encodeAs(kind string) []byte {
	m.Type, m.Format = kind, Format
	return encode(m)
}

// DecodeMirror decodes what [Mirror.Encode] returned. Errors are [ErrDamaged] or an
// [*UnsupportedError].
func DecodeMirror(b []byte) (*Mirror, error) { return decodeMirror(b, typeMirror) }

// DecodeDetached decodes what [Mirror.EncodeDetached] returned, with the same errors.
func DecodeDetached(b []byte) (*Mirror, error) { return decodeMirror(b, typeDetached) }

func decodeMirror(b []byte, kind string) (*Mirror, error) {
	var m Mirror
	if err := decode(b, kind, &m); err != nil {
		return nil, err
	}
	if !isID(m.ArchiveID) || m.At.IsZero() {
		return nil, fmt.Errorf("%w: the mirror of archive %q", ErrDamaged, m.ArchiveID)
	}
	return &m, nil
}
