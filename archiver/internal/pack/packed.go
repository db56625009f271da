package pack

import (
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Packed is a source whose bytes are stored.
type Packed struct {
	Source *capture.Source
	Index  *manifest.Index // where the bytes are; nil if there was nothing new to store

	Folder string // in which the run has stored what it wrote

	counts counts
}

// counts says what became of a source's segments.
type counts struct {
	sent        int64 // segments that this run has sent
	storedBytes int64 // of these
	reusedBytes int64 // raw bytes that were in the store already
	imageBytes  int64 // of an image that is not among the source's files, else 0

	unproved []manifest.Segment // sent, and no answer of the store has proved that it has them
}

// Manifest describes what was stored. What it says of the journal is for the commit to
// fill in. A history that does not continue the backup after which it was captured is a
// timeline of its own, which has no number yet.
func (c *Packed) Manifest(tool, host string, labels manifest.Labels) *manifest.Manifest {
	s := c.Source
	m := &manifest.Manifest{
		CommitID: manifest.NewID(), CreatedAt: s.ReadFrom, ReadUntil: s.ReadUntil, Tool: tool, Host: host,
		Kind: s.Kind, Database: s.Database(), Folder: c.Folder, Labels: labels,
		StartEpoch: s.StartEpoch, EndEpoch: s.EndEpoch, RestoreFrom: s.StartEpoch, StartTime: s.StartTime, EndTime: s.EndTime,
		Commits: s.Commits, Position: s.Position,
		RawBytes: s.Bytes() + c.counts.imageBytes, StoredBytes: c.counts.storedBytes, ReusedBytes: c.counts.reusedBytes,
		SegmentsNew: int(c.counts.sent),
		Imported:    s.Imported, Spill: s.Spilled,
	}
	if s.Kind == manifest.Incremental {
		m.RestoreFrom = s.Parent.RestoreFrom
	}
	if s.Continues {
		m.Continues, m.Timeline = &s.Parent.Seq, s.Parent.Timeline
	}
	return m
}
