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
	Type      string  `json:"type"` // "manifest"
	Format    int     `json:"format"`
	Seq       Seq     `json:"seq"`
	CommitID  string  `json:"commit_id"`       // 32 hex digits, random: tells whose manifest this is
	Previous  *Digest `json:"previous_sha256"` // of the object of backup Seq-1; null in the first
	ArchiveID string  `json:"archive_id"`
	Tool      string  `json:"tool"`
	Host      string  `json:"host"`

	// CreatedAt and ReadUntil are when finding out the state began and ended, by
	// the clock of Host: what was committed before the first is in the backup,
	// what was committed after the second is not.
	CreatedAt time.Time `json:"created_at"`
	ReadUntil time.Time `json:"read_until"`

	Kind     Kind     `json:"kind"`
	Database Database `json:"database"`

	// Timeline numbers the stretches of history without a fork, from 1.
	// Epochs are comparable inside of one timeline only.
	Timeline int `json:"timeline"`

	// Timelines is the highest number of a timeline in the archive so far.
	Timelines int `json:"timelines"`

	// Continues is the backup at whose end the log of this one begins, or which
	// it includes. In a full backup it may be null: then what came before is
	// another history, or the log between them is lost.
	Continues *Seq `json:"continues"`

	// LastFull is, in an incremental, the newest full backup before it: what the
	// next full one refers to is found by it. Nil if the writer did not know.
	LastFull *Seq `json:"last_full,omitempty"`

	// StartEpoch to EndEpoch is what this backup has: of a full backup what its
	// image and log give, of an incremental its first and last commit. With all
	// that it continues, the epochs from RestoreFrom on can be restored.
	StartEpoch  uint64 `json:"start_epoch"`
	EndEpoch    uint64 `json:"end_epoch"`
	RestoreFrom uint64 `json:"restore_from"`

	// StartTime is when the state of StartEpoch was written: of a full backup
	// its image, of an incremental its first commit. EndTime is when the last
	// commit was made. Both are by the database's clock, and null where it keeps
	// no times (generation 0.5).
	StartTime *time.Time `json:"start_time"`
	EndTime   *time.Time `json:"end_time"`

	// Commits is the number of commits in the log that is stored.
	Commits int64 `json:"commits"`

	Position Position `json:"position"`

	RawBytes    int64 `json:"raw_bytes"`    // of the database's files
	StoredBytes int64 `json:"stored_bytes"` // of the segments that the run has written
	ReusedBytes int64 `json:"reused_bytes"` // raw bytes that were in the archive already
	SegmentsNew int   `json:"segments"`     // number of those that the run has written

	// Imported is the native backup of Grafeo's own that this one was made of; it
	// is left out of all others.
	Imported *Imported `json:"imported,omitempty"`

	// Spill is what was in the database's spill folder: of a full backup what it
	// has of it, of an incremental what had not changed since. It is left out where
	// there was nothing.
	Spill []Spilled `json:"spill,omitempty"`

	// Earlier has summaries of the backups before this one in its group, see
	// [GroupBackups]: of all of them, or none.
	Earlier Summaries `json:"earlier,omitempty"`

	// Where the content is: exactly one of the two is set.
	Content *Index     `json:"content"`
	Index   *ObjectRef `json:"index"`
}

// Imported names a native backup: an import finds by it what is archived already.
type Imported struct {
	File   string `json:"file"`   // its name in its folder, for people
	SHA256 Digest `json:"sha256"` // of the whole file
}

// Database names what was backed up.
type Database struct {
	Generation string `json:"generation"` // "0.5" or "0.6"
	ID         string `json:"id"`         // 0.6: its 32 hex digits; 0.5: made of its creation time, or of its first commit
	Name       string `json:"name"`       // base name of its file, for people

	// Layout is [Directory] for a database of 0.5 that is a directory with a log in
	// it and no image; it is left out for a file.
	Layout string `json:"layout,omitempty"`

	// Of the image's header when it was read.
	Iteration     uint64 `json:"iteration"`
	ImageEpoch    uint64 `json:"image_epoch"`
	CheckpointLSN uint64 `json:"checkpoint_lsn"`    // (0.6), else 0
	HeadersCRC32C uint32 `json:"headers_crc32c"`    // of its first three pages: equal for equal images
	Content       uint32 `json:"content,omitempty"` // (0.6) equal for images that hold the same
}

// Directory is the [Database.Layout] of a database without an image.
const Directory = "directory"

// UnknownID is the [Database.ID] of a directory whose log has no first commit: not
// yet, or no more.
const UnknownID = "log-unknown"

// IsDirectory reports whether the database is a log in a directory, without an image.
func (d *Database) IsDirectory() bool { return d.Layout == Directory }

// Is reports whether the two can be the same database.
func (d *Database) Is(o *Database) bool {
	unknown := d.ID == UnknownID || o.ID == UnknownID
	return d.ID == o.ID || unknown && d.IsDirectory() && o.IsDirectory()
}

// validateLayout checks that a database without an image says nothing of one.
func (d *Database) validateLayout() error {
	switch {
	case d.Layout == "":
	case !d.IsDirectory() || d.Generation != "0.5":
		return fmt.Errorf("layout %q in generation %s", d.Layout, d.Generation)
	case d.Iteration != 0 || d.ImageEpoch != 0 || d.CheckpointLSN != 0 || d.HeadersCRC32C != 0:
		return fmt.Errorf("a directory with an image")
	}
	return nil
}

// Position is the place in the database's log where a backup ends; what comes
// next begins there.
type Position struct {
	// LSN is the log position behind the last whole group, or that of the image's
	// checkpoint if there is none (0.6); 0 in 0.5.
	LSN uint64 `json:"lsn"`

	// Commit is the last commit of the log. It is null if the log has none, as
	// after a clean close.
	Commit *Commit `json:"commit"`
}

// Commit is the place and the checksum of a commit in the log: they tell a
// history from another one with equal numbers.
type Commit struct {
	LSN       uint64 `json:"lsn"`        // of its first byte (0.6), else 0
	StartFile uint64 `json:"start_file"` // number (0.5) or first LSN (0.6) of the log file it starts in
	Start     int64  `json:"start"`      // offset in that file
	EndFile   uint64 `json:"end_file"`   // of the log file it ends in
	End       int64  `json:"end"`        // offset in that file
	Run       int    `json:"run"`        // number of its run, from 0 in the stored log (0.5)
	CRC32C    uint32 `json:"crc32c"`     // CRC-32C of all its bytes

	// FileID names, in 0.5, the log file that it ends in for the file's life, on
	// its host; "" if the file system cannot. A clean close removes the log, and
	// the next run may write the very same bytes again.
	FileID string `json:"file_id"`
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

// maxIndexRatio is more than any index can be compressed by: one that claims
// more is a bomb.
const maxIndexRatio = 200

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
	case m.ReadUntil.Before(m.CreatedAt):
		return fmt.Errorf("read until %s, from %s", m.ReadUntil, m.CreatedAt)
	case (m.Seq == 1) != (m.Previous == nil):
		return fmt.Errorf("backup %d and the digest of the one before do not agree", m.Seq)
	case m.LastFull != nil && (m.Kind != Incremental || *m.LastFull == 0 || *m.LastFull >= m.Seq):
		return fmt.Errorf("backup %d follows the full one %d", m.Seq, *m.LastFull)
	case m.Timelines < m.Timeline:
		return fmt.Errorf("timeline %d of %d", m.Timeline, m.Timelines)
	case m.Database.Generation == "0.5" && (m.Position.LSN != 0 || m.Position.Commit != nil && m.Position.Commit.LSN != 0):
		return fmt.Errorf("a log position in generation 0.5")
	case m.Commits > 0 && m.Position.Commit == nil:
		return fmt.Errorf("%d commits, and no last one", m.Commits)
	case m.Position.Commit != nil && (m.Position.Commit.Start < 0 || m.Position.Commit.End < 0 || m.Position.Commit.Run < 0):
		return fmt.Errorf("a negative place")
	case m.Commits < 0:
		return fmt.Errorf("a negative count")
	case m.Imported != nil && m.Imported.File == "":
		return fmt.Errorf("an imported file without a name")
	case (m.Content == nil) == (m.Index == nil):
		return fmt.Errorf("content and index: one of them must be there")
	}
	if err := m.validateOutline(); err != nil {
		return err
	}
	if err := m.Database.validateLayout(); err != nil {
		return err
	}
	if err := m.validateEarlier(); err != nil {
		return err
	}
	if err := m.validateSpill(); err != nil {
		return err
	}
	if m.Content != nil {
		return m.Content.validate()
	}
	r := m.Index
	if !isKey(r.Key, IndexPrefix) || r.StoredBytes <= 0 || r.RawBytes <= 0 || r.RawBytes > min(MaxIndexBytes, maxIndexRatio*r.StoredBytes+1<<20) || r.StoredBytes > MaxIndexBytes {
		return fmt.Errorf("the index %q of %d bytes", r.Key, r.RawBytes)
	}
	return nil
}

// validateOutline checks what summaries have, too.
func (m *Manifest) validateOutline() error {
	switch {
	case m.Kind != Full && m.Kind != Incremental:
		return fmt.Errorf("kind %q", m.Kind)
	case m.Kind == Incremental && m.Continues == nil:
		return fmt.Errorf("an incremental that continues nothing")
	case m.Continues != nil && (*m.Continues == 0 || *m.Continues >= m.Seq):
		return fmt.Errorf("backup %d continues %d", m.Seq, *m.Continues)
	case m.Database.Generation != "0.5" && m.Database.Generation != "0.6":
		return fmt.Errorf("generation %q", m.Database.Generation)
	case m.Database.ID == "":
		return fmt.Errorf("no database id")
	case m.Timeline < 1:
		return fmt.Errorf("timeline %d", m.Timeline)
	case m.StartEpoch > m.EndEpoch || m.RestoreFrom > m.EndEpoch:
		return fmt.Errorf("epochs %d to %d", m.StartEpoch, m.EndEpoch)
	case m.RawBytes < 0 || m.StoredBytes < 0 || m.ReusedBytes < 0 || m.SegmentsNew < 0:
		return fmt.Errorf("a negative size or count")
	}
	return nil
}

// Fits tells whether ix can be the index of the backup: whether it has an image
// if that is a full one, or a log where the database is nothing else, and as many
// bytes and commits as m says.
func (m *Manifest) Fits(ix *Index) error {
	image := ix.Image()
	var bytes int64
	for i := range ix.Files {
		bytes += ix.Files[i].Bytes - ix.Files[i].From
	}
	switch {
	case m.Database.IsDirectory() && image != nil:
		return fmt.Errorf("it has an image, and the database is a directory without one")
	case m.Database.IsDirectory() && len(ix.Files) == 0:
		return fmt.Errorf("it has no log, and the database is nothing else")
	case m.Kind == Full && image == nil && !m.Database.IsDirectory():
		return fmt.Errorf("it is a full backup without an image")
	case m.Kind == Incremental && image != nil:
		return fmt.Errorf("it is an incremental with an image")
	case bytes != m.RawBytes:
		return fmt.Errorf("its files have %d bytes instead of %d", bytes, m.RawBytes)
	case ix.Commits != nil && int64(len(ix.Commits)) != m.Commits:
		return fmt.Errorf("it lists %d commits instead of %d", len(ix.Commits), m.Commits)
	}
	return m.fitsSpill(ix)
}
