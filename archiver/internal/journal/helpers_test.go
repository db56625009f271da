package journal_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal/journaltest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// options are those of a writer whose store supports conditional writes.
func options() commit.UpdateOptions {
	return commit.UpdateOptions{Tool: "a test", Probe: func(context.Context) (manifest.Verdict, error) { return manifest.Honoured, nil }}
}

// add appends n backups, and returns the newest.
func add(t *testing.T, j *journal.Journal, n int) *manifest.Committed {
	t.Helper()
	var newest *manifest.Committed
	err := commit.Update(t.Context(), j, options(), func(h *commit.Head) error {
		for range n {
			m, ix := journaltest.Next(h.Parent)
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

// seenIn is the sighting of a backup.
func seenIn(m *manifest.Committed) *journal.Sighting {
	return &journal.Sighting{ArchiveID: m.ArchiveID, Seq: uint64(m.Seq), CommitID: m.CommitID, Epoch: m.EndEpoch, At: m.CreatedAt, Source: "a file"}
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
