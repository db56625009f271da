// Package compact merges the log of many small incrementals into one record, so that a
// restore fetches few objects instead of thousands.
//
// Its terms:
//
//   - A series is living incrementals in a row, each of which continues the one before
//     ([Choose]). They are its parts.
//   - A [Merged] is a series whose log is stored again as one, and was proved to be the same:
//     every part is checked while it is read, the joined log is scanned commit by commit,
//     and what was stored is read back. It becomes a record of kind merged.
//   - Such a record is a backup only where a keep says that it stands in for the parts.
//     The package merges; it commits nothing.
//
// Nothing that can be restored is lost but the numbers: every epoch of the parts can be
// restored by the merged record, and so can the state at the end of the last part, whose
// number it gets. So no part but the last may be one that somebody asks for by its number.
//
// Memory is bounded, whatever a series has: [windowBytes] of parts, one segment that is being built,
// and a few bytes for each commit.
package compact

import (
	"log/slog"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
)

// Limits of what is merged.
const (
	// MaxRawBytes is how many bytes of log a merged record has at most.
	MaxRawBytes = 1 << 30

	// LargeBytes is the size, before compression, from which on a backup is not merged: it
	// is no small object, and merging it again and again would cost more than it saves.
	LargeBytes = 16 << 20

	// maxAverage is how many bytes the parts of a series have stored on average, at most, to be
	// worth merging.
	maxAverage = 4 << 20

	// windowParts and windowBytes are how many parts, and how many bytes of their log, are
	// in memory at a time; more bytes only where a single part has more.
	windowParts = 32
	windowBytes = 8 << 20

	// indexBytes is how many bytes of the parts' indexes stay in memory between the first
	// look at the parts and the reading of their content. The others are read twice.
	indexBytes = 8 << 20

	// mergeBytes is what a merging has in memory, about: the window and the indexes, a
	// segment that is being built, and one that is being read.
	mergeBytes = windowBytes + indexBytes + 32<<20 + 32<<20
)

// Merger merges series for one head of the journal.
type Merger struct {
	Journal *journal.Journal
	Head    *commit.Head
	Tool    string // recorded in what is merged
	Level   segment.Level
	Log     *slog.Logger
}

// Merged is a series that was merged. It waits for its commit.
type Merged struct {
	Parts    []*manifest.Committed
	Manifest *manifest.Manifest
	Index    *manifest.Index

	// Generation is that of the folder in which the content is stored. If that is dead as of
	// a later head, the series has to be merged again.
	Generation manifest.Seq
}
