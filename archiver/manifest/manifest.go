package manifest

import (
	"fmt"
	"time"
)

// Manifest is the document of one record. A backup n was committed if and only if there
// is an object at Seq(n).Key(); it exists as long as the newest keep after it, if there is
// one, says so. In a keep and in a record of kind keys, everything that describes a state
// of the database is zero or null.
type Manifest struct {
	Type      string  `json:"type"` // "manifest"
	Format    int     `json:"format"`
	Seq       Seq     `json:"seq"`
	CommitID  string  `json:"commit_id"`       // 32 hex digits, random: shows which run wrote this manifest
	Previous  *Digest `json:"previous_sha256"` // of the object of record Seq-1; null in the first
	Keep      Seq     `json:"keep"`            // the newest keep before it, 0 if there is none
	ArchiveID string  `json:"archive_id"`

	// Of an encrypted archive, else left out: Keys is the record of kind keys that has the newest
	// key list, 0 for archive.json; a record of that kind names itself. Generation is that of the
	// keys with which the manifest is encrypted. KeyList is the list of record Keys: only that record
	// and full backups have it.
	Keys       Seq      `json:"keys,omitempty"`
	Generation int      `json:"generation,omitempty"`
	KeyList    *KeyList `json:"key_list,omitempty"`

	Tool string `json:"tool"`
	Host string `json:"host"`

	// CreatedAt and ReadUntil are when the run began and ended reading the state of the
	// database, by the clock of Host: the backup has what was committed before CreatedAt,
	// and nothing that was committed after ReadUntil.
	CreatedAt time.Time `json:"created_at"`
	ReadUntil time.Time `json:"read_until"`

	Kind     Kind     `json:"kind"`
	Database Database `json:"database"` // of a record without content: as the newest backup has it

	// Folder is the name of the folder in which the run has stored what it wrote
	// ([FolderName]). It is left out in a record without content.
	Folder string `json:"folder,omitempty"`

	// Labels are those that the user has given the backup.
	Labels Labels `json:"labels,omitempty"`

	// Timeline is the number of the timeline that the backup belongs to, from 1: a
	// stretch of history without a fork. Epochs are comparable only within one
	// timeline.
	Timeline int `json:"timeline"`

	// Timelines is the highest number of a timeline in the archive so far.
	Timelines int `json:"timelines"`

	// Continues is the backup at whose end the log of this one begins. A full backup
	// may begin before that end; and it may continue none (null): then what came before
	// is another history, or the log between them is lost, or it is a copy of one whose
	// predecessor was removed.
	Continues *Seq `json:"continues"`

	// LastFull is the newest full backup before the record that still exists, whose
	// content the next full one refers to. It is left out in a full backup, and if the
	// writer did not know it.
	LastFull *Seq `json:"last_full,omitempty"`

	// LastBackup is the newest backup before the record. Only a record that is not a
	// backup by itself has it.
	LastBackup *Seq `json:"last_backup,omitempty"`

	// Keeping is what a keep says. All others leave it out.
	Keeping *Keeping `json:"keeping,omitempty"`

	// Replaces are the backups whose log a merged record has. All others leave it out.
	Replaces *Range `json:"replaces,omitempty"`

	// StartEpoch to EndEpoch is what this backup has: of a full backup from its image
	// to the end of its log, of an incremental from its first to its last commit. Together
	// with all that it continues, the epochs from RestoreFrom to EndEpoch can be restored.
	StartEpoch  uint64 `json:"start_epoch"`
	EndEpoch    uint64 `json:"end_epoch"`
	RestoreFrom uint64 `json:"restore_from"`

	// StartTime is when the state of StartEpoch was written: the image of a full
	// backup, the first commit of an incremental. EndTime is when the last commit was
	// made. Both are by the database's clock, and null where it records no times
	// (generation 0.5).
	StartTime *time.Time `json:"start_time"`
	EndTime   *time.Time `json:"end_time"`

	// Commits is the number of commits in the stored log.
	Commits int64 `json:"commits"`

	Position Position `json:"position"`

	RawBytes    int64 `json:"raw_bytes"`    // of the database's files
	StoredBytes int64 `json:"stored_bytes"` // of the segments that the run wrote
	ReusedBytes int64 `json:"reused_bytes"` // raw bytes that the archive had already
	SegmentsNew int   `json:"segments"`     // objects among these: an inline one is none

	// Imported is the native backup that this one was made from; all others leave it
	// out.
	Imported *Imported `json:"imported,omitempty"`

	// CopiedFrom is the record of another archive that this one is a copy of; all others
	// leave it out.
	CopiedFrom *CopiedFrom `json:"copied_from,omitempty"`

	// LockedFrom is a time before which nothing was put that a restore of this backup
	// reads, back to the full backup that its chain begins with. It is null if that is
	// not known. Only writers that plan with locks need it.
	LockedFrom *time.Time `json:"locked_from,omitempty"`

	// Spill is what was in the database's spill folder: of a full backup the files
	// that it has, of an incremental those that had not changed since. It is left out if
	// there were none.
	Spill []Spilled `json:"spill,omitempty"`

	// Earlier has a summary of each backup before this one in its group
	// ([GroupBackups]), or none at all.
	Earlier Summaries `json:"earlier,omitempty"`

	// Where the content is: exactly one of the two is set.
	Content *Index     `json:"content"`
	Index   *ObjectRef `json:"index"`
}

// Imported names a native backup. An import looks here for what is already archived.
type Imported struct {
	File   string `json:"file"`   // its name in its folder, for people
	SHA256 Digest `json:"sha256"` // of the whole file
}

// Position is the place in the database's log where a backup ends, and the next one
// begins.
type Position struct {
	// LSN is the log position after the last whole group, or that of the image's
	// checkpoint if there is none (0.6); 0 in 0.5.
	LSN uint64 `json:"lsn"`

	// Commit is the last commit of the log. It is null if the log has none, as
	// after a clean close.
	Commit *Commit `json:"commit"`
}

// Commit is the place and the checksum of a commit in the log. They distinguish
// histories whose numbers are the same.
type Commit struct {
	LSN       uint64 `json:"lsn"`        // of its first byte (0.6), else 0
	StartFile uint64 `json:"start_file"` // number (0.5) or first LSN (0.6) of the log file it starts in
	Start     int64  `json:"start"`      // offset in that file
	EndFile   uint64 `json:"end_file"`   // of the log file it ends in
	End       int64  `json:"end"`        // offset in that file
	Run       int    `json:"run"`        // number of its run, from 0 in the stored log (0.5)
	CRC32C    uint32 `json:"crc32c"`     // CRC-32C of all its bytes

	// FileID identifies, in 0.5, the log file that the commit ends in, for that file's
	// life on its host; "" if the file system cannot. A clean close removes the log, and
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

// Encode returns the document's bytes. It sets Type and Format.
func (m *Manifest) Encode() []byte {
	m.Type, m.Format = typeManifest, Format
	return encode(m)
}

// MaxManifestBytes is the largest manifest that is read.
const MaxManifestBytes = 16 << 20

// maxIndexRatio is more than any index compresses by: one that claims more is a
// decompression bomb.
const maxIndexRatio = 200

// DecodeManifest decodes what [Manifest.Encode] returned. Errors are [ErrDamaged] or
// an [*UnsupportedError].
func DecodeManifest(b []byte) (*Manifest, error) {
	if len(b) > MaxManifestBytes {
		return nil, fmt.Errorf("%w: a manifest of %d bytes", ErrDamaged, len(b))
	}
	var m Manifest
	if err := decode(b, typeManifest, &m); err != nil {
		return nil, err
	}
	if err := m.checkKinds(); err != nil {
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
		return fmt.Errorf("backup %d does not agree with the digest of the one before", m.Seq)
	case m.LastFull != nil && (m.Kind == Full || *m.LastFull == 0 || *m.LastFull >= m.Seq):
		return fmt.Errorf("backup %d follows the full one %d", m.Seq, *m.LastFull)
	case m.Timelines < m.Timeline:
		return fmt.Errorf("timeline %d of %d", m.Timeline, m.Timelines)
	case m.Database.Generation == "0.5" && (m.Position.LSN != 0 || m.Position.Commit != nil && m.Position.Commit.LSN != 0):
		return fmt.Errorf("a log position in generation 0.5")
	case m.Commits > 0 && m.Position.Commit == nil:
		return fmt.Errorf("%d commits, and no last one", m.Commits)
	case m.Position.Commit != nil && (m.Position.Commit.Start < 0 || m.Position.Commit.End < 0 || m.Position.Commit.Run < 0):
		return fmt.Errorf("a negative position")
	case m.Commits < 0:
		return fmt.Errorf("a negative count")
	case m.Imported != nil && m.Imported.File == "":
		return fmt.Errorf("an imported file without a name")
	case m.Kind.HasContent() && (m.Content == nil) == (m.Index == nil):
		return fmt.Errorf("it must have either content or an index")
	}
	if err := m.validateRecord(); err != nil {
		return err
	}
	if err := m.validateOutline(); err != nil {
		return err
	}
	if err := m.Database.validateLayout(); err != nil {
		return err
	}
	if err := m.validateCopy(); err != nil {
		return err
	}
	if err := m.validateEarlier(); err != nil {
		return err
	}
	if err := m.validateSpill(); err != nil {
		return err
	}
	if !m.Kind.HasContent() {
		return nil
	}
	if m.Content != nil {
		if err := m.Content.validate(); err != nil {
			return err
		}
		return m.validateOwn(m.Content)
	}
	return m.Index.validateIndex(m.Folder)
}

// validateIndex checks a reference to an index, and so how much memory that may take.
func (r *ObjectRef) validateIndex(folder string) error {
	isStored := isKey(r.Key, IndexPrefix+folder+"/") && r.StoredBytes > 0 && r.StoredBytes <= MaxIndexBytes
	if !isStored || r.RawBytes <= 0 || r.RawBytes > min(MaxIndexBytes, maxIndexRatio*r.StoredBytes+1<<20) {
		return fmt.Errorf("the index %q of %d bytes", r.Key, r.RawBytes)
	}
	return nil
}

// validateOutline checks what is in summaries, too.
func (m *Manifest) validateOutline() error {
	switch {
	case !m.Kind.HasContent():
		return m.validateNoState()
	case !isOfGeneration(m.Folder, m.Seq):
		return fmt.Errorf("folder %q", m.Folder)
	case m.Kind != Full && m.Continues == nil:
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
	return m.Labels.Validate()
}

// Fits returns an error if ix cannot be the index of the backup: it has an image if m
// is a full one, a log where the database is nothing else, and as many bytes and commits
// as m says.
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
	case m.Kind != Full && image != nil:
		return fmt.Errorf("it is an incremental with an image")
	case bytes != m.RawBytes:
		return fmt.Errorf("its files have %d bytes instead of %d", bytes, m.RawBytes)
	case ix.Commits != nil && int64(len(ix.Commits)) != m.Commits:
		return fmt.Errorf("it lists %d commits instead of %d", len(ix.Commits), m.Commits)
	}
	if err := m.validateOwn(ix); err != nil {
		return err
	}
	return m.fitsSpill(ix)
}
