package capture

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
)

// Source is a consistent part of a database's history: its files, or the parts of them that
// are new, and the checksums that prove their bytes. It keeps nothing open and nothing
// locked; if the database moves on while the files are copied, the proof fails.
type Source struct {
	Path  string // of the database
	Kind  manifest.Kind
	Image *grafeo.Image // of an incremental source, too: what its headers say now
	Files []File        // in the order in which they are stored
	name  string        // of the database, "" for that of Path

	// From which state to which, as a manifest has them; the times are nil if the commits
	// have none.
	StartEpoch, EndEpoch uint64
	StartTime, EndTime   *time.Time
	Position             manifest.Position // where the log ends

	Commits     int64                 // with an epoch, that are in the files
	CommitTimes []manifest.CommitTime // of these, nil if they are more than a manifest takes
	LeftOut     int64                 // bytes of the log after its last whole commit

	// What the database had committed before ReadFrom is in here; what it commits after
	// ReadUntil is not.
	ReadFrom, ReadUntil time.Time

	Parent    *manifest.Committed // the backup that this was captured after, nil for none
	Continues bool                // the history is the parent's
	Archived  bool                // of a full source: its image is that of the archive's newest full backup, and is not among Files
	Remainder bool                // it is what came before the present state: that is still to be captured
	Why       string              // of a full source: why it is one

	Replay   *manifest.Replay   // of a full source of 0.5: which part of its log a restore replays, nil for all
	Imported *manifest.Imported // the native backup that this is, nil if it is none
	Merges   []manifest.Digest  // of a merged source: the manifests of those whose log it is

	Spilled []manifest.Spilled // the spilled vectors; of a full source, after [Source.ProveSpill]
	spill   []grafeo.SpillFile // what the spill folder had before anything was read
}

// Bytes returns how many bytes of files the source has.
func (s *Source) Bytes() int64 {
	var n int64
	for _, f := range s.Files {
		n += f.Bytes - f.From
	}
	return n
}

// IsNothing reports whether nothing is new.
func (s *Source) IsNothing() bool { return s.Kind == manifest.Incremental && s.Commits == 0 }

// Database returns what a manifest says of the database.
func (s *Source) Database() manifest.Database {
	if s.Remainder || s.Archived {
		return s.Parent.Database // whose image its log follows
	}
	return DatabaseOf(s.Image, cmp.Or(s.name, filepath.Base(s.Path)))
}

// DatabaseOf returns what a manifest says of the database with this image and this name.
func DatabaseOf(image *grafeo.Image, name string) manifest.Database {
	d := manifest.Database{
		Generation: string(image.Generation), ID: image.DatabaseID, Name: name,
		Iteration: image.Iteration, ImageEpoch: image.Epoch, CheckpointLSN: image.CheckpointLSN,
		HeadersCRC32C: image.HeadersCRC32C(), Content: image.Content,
	}
	if image.Directory {
		d.Layout = manifest.Directory
	}
	return d
}

// CommitTime returns what an index says of a commit with an epoch.
func CommitTime(c *grafeo.Commit) manifest.CommitTime {
	if c.Time.IsZero() {
		return manifest.CommitTime{c.Epoch, 0}
	}
	return manifest.CommitTime{c.Epoch, uint64(c.Time.UnixMilli())}
}

// Folder returns a name for the segments of a backup of the source that depends on what
// goes into them: the same image, cut and compressed in the same way, has the same name, so
// that a backup finds the segments that an interrupted one has stored.
func (s *Source) Folder(segmentBytes int64, level segment.Level) string {
	h := sha256.New()
	fmt.Fprintln(h, s.Kind, s.Image.Generation, s.Image.DatabaseID, segmentBytes, int(level))
	switch {
	case s.Kind == manifest.Incremental:
		fmt.Fprintln(h, s.Parent.Digest)
	case s.Kind == manifest.Merged:
		fmt.Fprintln(h, s.Merges)
	case s.Image.Directory, s.Archived:
		fmt.Fprintln(h, s.Position.Commit)
	default:
		for _, r := range s.Image.Proof {
			fmt.Fprintln(h, r.Offset, r.Length, r.CRC32)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
