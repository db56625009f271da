package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// SealedNote is the stored form of a [Certificate] or a [DigestPin] in an encrypted archive.
type SealedNote struct {
	Type   string `json:"type"`
	Format int    `json:"format"`
	noteFields
	Sealed []byte `json:"sealed"`

	closed
}

// noteFields are the fields of such a document that are in the clear.
type noteFields struct {
	ArchiveID  string `json:"archive_id"`
	Generation int    `json:"generation"`
}

// sealNote returns the stored form of a document.
func sealNote(kind string, clear noteFields, document []byte, seal func([]byte) ([]byte, error), mac func(line []byte) (Digest, error)) ([]byte, error) {
	sealed, err := seal(document)
	if err != nil {
		return nil, err
	}
	return closeWith(&SealedNote{Type: kind, Format: Format, noteFields: clear, Sealed: sealed}, mac)
}

// DecodeSealedNote is [DecodeSealedArchive] for what [Certificate.Seal] or [DigestPin.Seal] returned,
// which is stored under key.
func DecodeSealedNote(key string, b []byte) (*SealedNote, error) {
	kind := typeCertificate
	if len(key) >= len(DigestPrefix) && key[:len(DigestPrefix)] == DigestPrefix {
		kind = typeDigest
	}
	var n SealedNote
	if err := decodeClosed(b, kind, &n, &n.closed); err != nil {
		return nil, err
	}
	if !isID(n.ArchiveID) || n.Generation < 1 || n.Generation > MaxKeyGenerations {
		return nil, fmt.Errorf("%w: archive id %q, generation %d", ErrDamaged, n.ArchiveID, n.Generation)
	}
	return &n, nil
}

// Agrees returns [ErrDamaged] unless the document that was encrypted says the same as n. The rest
// is checked by whoever decodes it.
func (n *SealedNote) Agrees(document []byte) error {
	var inner noteFields
	if err := json.Unmarshal(document[:bytes.IndexByte(document, '\n')+1], &inner); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if inner != n.noteFields {
		return fmt.Errorf("%w: what it has in the clear is not what it has encrypted", ErrDamaged)
	}
	return nil
}
