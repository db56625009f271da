package archiver_test

import (
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// A session looks at the disk alone, and its backups are like all others.
func TestSession(t *testing.T) {
	store := storagetest.NewMemory()
	m := newModel(t)
	m.commit(100)
	s := newArchive(store).Session(m.path, archiver.SessionOptions{})
	look := func() archiver.Look {
		t.Helper()
		before := s.Requests()
		l, err := s.Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.Requests() != before {
			t.Errorf("a look has sent %+v", s.Requests())
		}
		return l
	}
	if l := look(); l.Known || l.FullBytes == 0 || l.ImageBytes == 0 || l.LogBytes == 0 || l.NeedsFull != "" {
		t.Errorf("before anything: %+v", l)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(store.Objects()); n != 0 {
		t.Errorf("a check has stored %d objects", n)
	}
	if l := look(); !l.Known || l.NeedsFull == "" || l.Newest.Seq != 0 {
		t.Errorf("before the first backup: %+v", l)
	}
	if r, err := s.Backup(t.Context(), archiver.SessionBackup{}); err != nil || r.Backup.Kind != archiver.KindFull {
		t.Fatalf("%+v, %v", r, err)
	}
	if l := look(); l.NeedsFull != "" || l.Newest.Seq != 1 || l.Commits != 0 || l.UnsavedBytes != 0 || !l.OldestUnsaved.IsZero() {
		t.Errorf("after the first backup: %+v", l)
	}
	m.commit(100)
	oldest := m.now
	m.commit(100)
	if l := look(); l.Commits != 2 || l.UnsavedBytes < 200 || !l.OldestUnsaved.Equal(oldest) {
		t.Errorf("after two commits at %s: %+v", oldest, l)
	}
	if err := s.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Backup(t.Context(), archiver.SessionBackup{}); err != nil || r.Backup.Kind != archiver.KindIncremental || r.Backup.Seq != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err := s.Backup(t.Context(), archiver.SessionBackup{}); err != nil || r.Backup.Kind != archiver.KindNone {
		t.Fatalf("%+v, %v", r, err)
	}
	if s.Requests() == (storage.RequestCounts{}) {
		t.Error("nothing was counted")
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for epoch := range m.epoch {
		m.restoresTo(store, archiver.AtEpoch(epoch+1), epoch+1)
	}
	mustBeWhole(t, store)
}
