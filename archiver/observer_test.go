package archiver_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// noted collects events, all but progress, as text; of progress it keeps the last.
type noted struct {
	events []string
	last   archiver.Progress
}

func (n *noted) observe(e archiver.Event) {
	switch e := e.(type) {
	case archiver.Progress:
		n.last = e
	case archiver.Phase:
		n.events = append(n.events, string(e))
	case archiver.Retry:
		n.events = append(n.events, "retry")
	case archiver.Conflict:
		n.events = append(n.events, "conflict")
	case archiver.Committed:
		n.events = append(n.events, fmt.Sprintf("committed %d", e.Backup.Seq))
	}
}

func (n *noted) are(t *testing.T, what string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, n.events); diff != "" {
		t.Errorf("%s: -want +got: %s", what, diff)
	}
	if n.last.Total == 0 || n.last.Done != n.last.Total {
		t.Errorf("%s: progress ends at %+v", what, n.last)
	}
}

// An observer is told of phases, retries, conflicts and commits.
func TestEvents(t *testing.T) {
	t.Parallel()
	inner := storagetest.NewMemory()
	path := copyVector(t, "v0.6.0/live")
	hook, _ := failing(manifest.SegmentPrefix, 2, storagetest.Fault{Err: errBusy})
	var n noted
	a := newWith(storagetest.NewFaulty(inner, hook), archiver.Options{})
	if _, err := a.Backup(t.Context(), path, archiver.BackupOptions{Observer: n.observe}); err != nil {
		t.Fatal(err)
	}
	n.are(t, "backup", "journal", "capture", "store", "retry", "retry", "commit", "committed 1")

	n = noted{}
	if _, err := a.Restore(t.Context(), filepath.Join(t.TempDir(), "db.grafeo"), archiver.RestoreOptions{Observer: n.observe}); err != nil {
		t.Fatal(err)
	}
	n.are(t, "restore", "journal", "fetch", "publish")

	n = noted{}
	if _, err := a.Verify(t.Context(), archiver.VerifyOptions{Deep: true, Observer: n.observe}); err != nil {
		t.Fatal(err)
	}
	n.are(t, "verify", "journal", "verify")

	// Another writer takes the number while this one stores.
	n = noted{}
	raced := false
	faster := storagetest.NewFaulty(inner, func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpPut && key == manifest.Seq(2).Key() && !raced {
			raced = true
			if _, err := newArchive(inner).Backup(t.Context(), path, archiver.BackupOptions{Full: true}); err != nil {
				t.Error(err)
			}
		}
		return storagetest.Fault{}
	})
	_, err := newWith(faster, archiver.Options{}).Backup(t.Context(), path, archiver.BackupOptions{Full: true, Observer: n.observe})
	if err != nil {
		t.Fatal(err)
	}
	n.are(t, "conflict", "journal", "capture", "store", "commit", "conflict", "journal", "capture", "store", "commit", "committed 3")
}
