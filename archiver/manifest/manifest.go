package manifest

import (
	"fmt"
	"time"
)

// Kind tells what a backup holds.
type Kind string

// The kinds of backups.
const (
	Full        Kind = "full"        // an image and the log that belongs to it
	Incremental Kind = "incremental" // the log behind an earlier backup
)

// Manifest is the document that makes a backup exist: backup n was committed
// if and only if there is an object at Seq(n).Key().
type Manifest struct {
	Type      string    `json:"type"` // "manifest"
	Format    int       `json:"format"`
	Seq       Seq       `json:"seq"`
	CommitID  string    `json:"commit_id"`       // 32 hex digits, random: tells whose manifest this is
	Previous  *Digest   `json:"previous_sha256"` // of the object of backup Seq-1; null in the first
	ArchiveID string    `json:"archive_id"`
	CreatedAt time.Time `json:"created_at"` // when the state was read, by the clock of Host
	Tool      string    `json:"tool"`
	Host      string    `json:"host"`

	Kind     Kind     `json:"kind"`
	Database Database `json:"database"`

	// Timeline numbers the stretches of history without a fork, from 1.
	// Epochs are comparable inside of one timeline only.
	Timeline int `json:"timeline"`

	// Continues is the backup whose end this incremental begins at; null in a
	// full backup.
	Continues *Seq `json:"continues"`

	// From StartEpoch to EndEpoch this backup can restore, given what it continues.
	StartEpoch uint64 `json:"start_epoch"`
	EndEpoch   uint64 `json:"end_epoch"`

	// EndTime is when the last commit was made, by the database's clock; null
	// where the database keeps no times (generation 0.5).
	EndTime *time.Time `json:"end_time"`

	// Commits is the number of commits in the log that is stored.
	Commits int64 `json:"commits"`

	Position Position `json:"position"`

	RawBytes    int64 `json:"raw_bytes"`    // of the database's files
	StoredBytes int64 `json:"stored_bytes"` // of the segments that the run has written
	ReusedBytes int64 `json:"reused_bytes"` // raw bytes of segments that were in the archive already
	SegmentsNew int   `json:"segments"`     // number of those that the run has written

	// Where the content is: exactly one of the two is set.
	Content *Index     `json:"content"`
	Index   *ObjectRef `json:"index"`
}

// Database names what was backed up.
type Database struct {
	Generation string `json:"generation"` // "0.5" or "0.6"
	ID         string `json:"id"`         // 0.6: its 32 hex digits; 0.5: made of its creation time
	Name       string `json:"name"`       // base name of its file, for people
	Iteration  uint64 `json:"iteration"`  // of the image
	ImageEpoch uint64 `json:"image_epoch"`
}

// Position is the place in the database's log where a backup ends; the next
// incremental begins there.
type Position struct {
	// LSN is the log position behind the last whole group (0.6), else 0.
	LSN uint64 `json:"lsn"`
	// File is the first LSN of the segment (0.6) or the number of the log file
	// (0.5) that the last commit ends in, and Offset the place behind it.
	File   uint64 `json:"file"`
	Offset int64  `json:"offset"`
	// Run is the number of the run in the log that is stored, from 0 (0.5).
	Run int `json:"run"`
	// CRC32C is the CRC-32C of all bytes of the last commit before the
	// position: it tells this history from another one with equal numbers. It is
	// null if no commit was seen, as after a clean close.
	CRC32C *uint32 `json:"crc32c"`
}

// ObjectRef names an object and what its bytes must be.
type ObjectRef struct {
	Key         string `json:"key"`
	StoredBytes int64  `json:"stored_bytes"`
	RawBytes    int64  `json:"raw_bytes"` // after decompression
	SHA256      Digest `json:"sha256"`    // of the stored bytes
}

// Encode gives the document's bytes. It sets Type and Format.
func (m *Manifest) Encode() []byte {
	m.Type, m.Format = typeManifest, Format
	return encode(m)
}

// MaxManifestBytes is the largest manifest that is read.
const MaxManifestBytes = 16 << 20

// DecodeManifest reads what [Manifest.Encode] wrote. Errors are [ErrDamaged] or
// an [*UnsupportedError].
func DecodeManifest(b []byte) (*Manifest, error) {
	if len(b) > MaxManifestBytes {
		return nil, fmt.Errorf("%w: a manifest of %d bytes", ErrDamaged, len(b))
	}
	var m Manifest
	if err := decode(b, typeManifest, &m); err != nil {
		return nil, err
	}
	if err := m.validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return &m, nil
}

func (m *Manifest) validate() error {
	switch {
	case m.Seq == 0 || m.Seq > MaxSeq:
		return fmt.Errorf("seq %d", m.Seq)
	case !isID(m.CommitID):
		return fmt.Errorf("commit id %q", m.CommitID)
	case !isID(m.ArchiveID):
		return fmt.Errorf("archive id %q", m.ArchiveID)
	case (m.Seq == 1) != (m.Previous == nil):
		return fmt.Errorf("backup %d and the digest of the one before do not agree", m.Seq)
	case m.Kind != Full && m.Kind != Incremental:
		return fmt.Errorf("kind %q", m.Kind)
	case (m.Kind == Full) != (m.Continues == nil):
		return fmt.Errorf("kind %s and what it continues do not agree", m.Kind)
	case m.Continues != nil && (*m.Continues == 0 || *m.Continues >= m.Seq):
		return fmt.Errorf("backup %d continues %d", m.Seq, *m.Continues)
	case m.Database.Generation != "0.5" && m.Database.Generation != "0.6":
		return fmt.Errorf("generation %q", m.Database.Generation)
	case m.Database.ID == "":
		return fmt.Errorf("no database id")
	case m.Timeline < 1:
		return fmt.Errorf("timeline %d", m.Timeline)
	case m.StartEpoch > m.EndEpoch:
		return fmt.Errorf("epochs %d to %d", m.StartEpoch, m.EndEpoch)
	case m.RawBytes < 0 || m.StoredBytes < 0 || m.ReusedBytes < 0 || m.SegmentsNew < 0 || m.Commits < 0:
		return fmt.Errorf("a negative size or count")
	case (m.Content == nil) == (m.Index == nil):
		return fmt.Errorf("content and index: one of them must be there")
	}
	if m.Content != nil {
		return m.Content.validate()
	}
	r := m.Index
	if r.Key != IndexKey(r.SHA256) || r.StoredBytes <= 0 || r.RawBytes <= 0 || r.RawBytes > MaxIndexBytes || r.StoredBytes > MaxIndexBytes {
		return fmt.Errorf("the index %q of %d bytes", r.Key, r.RawBytes)
	}
	return nil
}
