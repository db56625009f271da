package manifest

import (
	"errors"
	"fmt"
)

// CopiedFrom names the record that another one is a copy of. All records of an archive are
// copies up to the first one that is not: after that, copying does not continue.
type CopiedFrom struct {
	ArchiveID string `json:"archive_id"` // of the archive that it was copied from

	// Seq is the number of the backup in that archive, of which copies come in ascending
	// order; of a keep, that of the keep.
	Seq Seq `json:"seq"`

	// SHA256 is the digest of the manifest that was copied: of the merged one, where that
	// stood in for the backup.
	SHA256 Digest `json:"sha256"`
}

// validateCopy checks what the manifest says of the record that it is a copy of.
func (m *Manifest) validateCopy() error {
	c := m.CopiedFrom
	switch {
	case c == nil:
		return nil
	case !isID(c.ArchiveID) || c.ArchiveID == m.ArchiveID:
		return fmt.Errorf("a copy from archive %q", c.ArchiveID)
	case c.Seq == 0 || c.Seq > MaxSeq:
		return fmt.Errorf("a copy of record %d", c.Seq)
	case m.Kind == Merged:
		return errors.New("a merged record that is a copy")
	}
	return nil
}
