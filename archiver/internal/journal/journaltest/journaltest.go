// Package journaltest has what tests of reading the journal and of appending to it share.
package journaltest

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Of returns the journal of the archive in s.
func Of(s storage.Storage) *journal.Journal {
	return journal.New(&objects.Store{Storage: s, Patience: time.Second, Log: slog.New(slog.DiscardHandler)}, "the archive")
}

// Folder is where all sample backups have their content.
var Folder = manifest.FolderName(0, strings.Repeat("0", 32))

// Next returns a full backup of ten epochs, each with a commit, to be committed after
// parent.
func Next(parent *manifest.Committed) (*manifest.Manifest, *manifest.Index) {
	seq := manifest.Seq(1)
	if parent != nil {
		seq = parent.Seq + 1
	}
	const commits = 10
	first := uint64(seq) * 100
	start := time.Date(2026, 11, 23, 8, 0, int(seq), 0, time.UTC) //nolint:gosec // small
	sum := manifest.Sum([]byte("stored"))
	ix := &manifest.Index{
		Segments: []manifest.Segment{{
			Key: manifest.SegmentKey(manifest.SegmentFolder(Folder), 0, sum), StoredBytes: 1432, RawBytes: 91272, SHA256: sum,
		}},
		Frames: []manifest.Frame{{StoredBytes: 1432, RawBytes: 91272}},
		Files: []manifest.File{
			{Name: manifest.ImageName, Bytes: 90112, CRC32: 7, Extents: []manifest.Extent{{Bytes: 90112}}},
			{Name: "wal_00000000000000002000.log", Bytes: 1160, CRC32: 8, Extents: []manifest.Extent{{Bytes: 1160, FrameOffset: 90112}}},
		},
	}
	m := &manifest.Manifest{
		Seq: seq, CommitID: manifest.NewID(), CreatedAt: start.Add(time.Second), ReadUntil: start.Add(time.Second),
		Kind: manifest.Full, Folder: Folder, Database: manifest.Database{Generation: "0.6", ID: strings.Repeat("ef", 16), Name: "people.grafeo", Iteration: 2, ImageEpoch: first},
		StartEpoch: first, EndEpoch: first + commits, RestoreFrom: first, //nolint:gosec // small
		StartTime: &start, EndTime: &start, Commits: commits,
		Position: manifest.Position{LSN: 3032, Commit: &manifest.Commit{
			LSN: 2500, StartFile: 2000, Start: 628, EndFile: 2000, End: 1160, CRC32C: 0x12345678,
		}},
		RawBytes: 91272, StoredBytes: 1432, SegmentsNew: 1,
	}
	return m, ix
}

// Put stores an object, whatever was there.
func Put(t *testing.T, s storage.Storage, key, content string) {
	t.Helper()
	if _, err := s.Put(t.Context(), key, strings.NewReader(content), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

// Open opens a journal of which nothing is known from before.
func Open(t *testing.T, j *journal.Journal) *journal.List {
	t.Helper()
	l, err := j.Open(t.Context(), journal.Memory{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}
