package commit

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal/journaltest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// options are those of a writer whose store supports conditional writes.
func options() UpdateOptions {
	return UpdateOptions{Tool: "a test", Probe: func(context.Context) (manifest.Verdict, error) { return manifest.Honoured, nil }}
}

// commit appends n backups, and returns the newest.
func commit(t *testing.T, j *journal.Journal, n int) *manifest.Committed {
	t.Helper()
	var newest *manifest.Committed
	err := Update(t.Context(), j, options(), func(h *Head) error {
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
