package journal

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func journalOf(s storage.Storage) *Journal {
	log := slog.New(slog.DiscardHandler)
	return New(&objects.Store{Storage: s, Patience: time.Second, Log: log}, "the archive", "a test", log)
}

// sampleFolder is where all backups of the tests have their content.
var sampleFolder = manifest.FolderName(0, strings.Repeat("0", 32))

// options are those of a writer whose store supports conditional writes.
func options() UpdateOptions {
	return UpdateOptions{Probe: func(context.Context) (manifest.Verdict, error) { return manifest.Honoured, nil }}
}

// next returns a full backup of ten epochs, each with a commit, to be committed after
// parent.
func next(parent *manifest.Committed) (*manifest.Manifest, *manifest.Index) {
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
			Key: manifest.SegmentKey(manifest.SegmentFolder(sampleFolder), 0, sum), StoredBytes: 1432, RawBytes: 91272, SHA256: sum,
		}},
		Frames: []manifest.Frame{{StoredBytes: 1432, RawBytes: 91272}},
		Files: []manifest.File{
			{Name: manifest.ImageName, Bytes: 90112, CRC32: 7, Extents: []manifest.Extent{{Bytes: 90112}}},
			{Name: "wal_00000000000000002000.log", Bytes: 1160, CRC32: 8, Extents: []manifest.Extent{{Bytes: 1160, FrameOffset: 90112}}},
		},
	}
	m := &manifest.Manifest{
		Seq: seq, CommitID: manifest.NewID(), CreatedAt: start.Add(time.Second), ReadUntil: start.Add(time.Second),
		Kind: manifest.Full, Folder: sampleFolder, Database: manifest.Database{Generation: "0.6", ID: strings.Repeat("ef", 16), Name: "people.grafeo", Iteration: 2, ImageEpoch: first},
		StartEpoch: first, EndEpoch: first + commits, RestoreFrom: first, //nolint:gosec // small
		StartTime: &start, EndTime: &start, Commits: commits,
		Position: manifest.Position{LSN: 3032, Commit: &manifest.Commit{
			LSN: 2500, StartFile: 2000, Start: 628, EndFile: 2000, End: 1160, CRC32C: 0x12345678,
		}},
		RawBytes: 91272, StoredBytes: 1432, SegmentsNew: 1,
	}
	return m, ix
}

// commit appends n backups, and returns the newest.
func commit(t *testing.T, j *Journal, n int) *manifest.Committed {
	t.Helper()
	var newest *manifest.Committed
	err := j.Update(t.Context(), options(), func(h *Head) error {
		for range n {
			m, ix := next(h.Parent)
			if err := h.Commit(t.Context(), m, ix, time.Minute); err != nil {
				return err
			}
		}
		newest = h.Parent
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return newest
}

// put stores an object, whatever was there.
func put(t *testing.T, s storage.Storage, key, content string) {
	t.Helper()
	if _, err := s.Put(t.Context(), key, strings.NewReader(content), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

// seenIn is the sighting of a backup.
func seenIn(m *manifest.Committed) *Sighting {
	return &Sighting{ArchiveID: m.ArchiveID, Seq: uint64(m.Seq), CommitID: m.CommitID, Epoch: m.EndEpoch, At: m.CreatedAt, Source: "a file"}
}

func open(t *testing.T, j *Journal) *List {
	t.Helper()
	l, err := j.Open(t.Context(), Memory{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// requests returns how many calls of an operation a store has seen since n.
func requests(calls []storagetest.Call, op storage.Op) (n int) {
	for _, c := range calls {
		if c.Op == op {
			n++
		}
	}
	return n
}
