package manifest

import (
	"fmt"
	"time"
)

// Archive is the document at [ArchiveKey]. The first backup creates it, nothing
// changes it.
type Archive struct {
	Type      string    `json:"type"`       // "archive"
	Format    int       `json:"format"`     // of everything in the archive
	ArchiveID string    `json:"archive_id"` // 32 hex digits, random; in every manifest
	CreatedAt time.Time `json:"created_at"`
	Tool      string    `json:"tool"`
}

// Encode gives the document's bytes. It sets Type and Format.
func (a *Archive) Encode() []byte {
	a.Type, a.Format = typeArchive, Format
	return encode(a)
}

// DecodeArchive reads what [Archive.Encode] wrote. Errors are [ErrDamaged] or
// an [*UnsupportedError].
func DecodeArchive(b []byte) (*Archive, error) {
	var a Archive
	if err := decode(b, typeArchive, &a); err != nil {
		return nil, err
	}
	if !isID(a.ArchiveID) {
		return nil, fmt.Errorf("%w: archive id %q", ErrDamaged, a.ArchiveID)
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
