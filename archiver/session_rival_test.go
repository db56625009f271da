package archiver_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Two sessions back up one database into one archive. Each finds what the other has committed,
// none takes a full backup, and every epoch is there.
func TestTwoSessionsShareAnArchive(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), newModel(t)
	sessions := []*archiver.Session{
		newArchive(store).Session(m.path, archiver.SessionOptions{}), newArchive(store).Session(m.path, archiver.SessionOptions{}),
	}
	m.commit(100)
	backup(t, store, m.path)
	committed := 0
	for i := range 60 {
		if m.commit(100); i%7 == 0 {
			m.checkpointHeld()
		}
		for n := range 1 + i%2 { // sometimes both come for the same commit
			r, err := sessions[(i/3+n)%2].Backup(t.Context(), archiver.SessionBackup{NoFull: true})
			if err != nil {
				t.Fatal(err)
			}
			if r.Backup.Kind == archiver.KindIncremental {
				committed++
			}
		}
	}
	if committed != 60 {
		t.Errorf("%d backups of 60 commits", committed)
	}
	for _, s := range sessions {
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	for epoch := range m.epoch {
		m.restoresTo(store, archiver.AtEpoch(epoch+1), epoch+1)
	}
	mustBeWhole(t, store)
}

// After a commit whose answer was lost, and after any other failure, a session reads the archive
// before it commits again: what is there is not committed twice, and nothing is left out.
func TestSessionAfterAFailure(t *testing.T) {
	t.Parallel()
	for name, apply := range map[string]bool{"applied": true, "not applied": false} {
		t.Run(name, func(t *testing.T) {
			memory, m := storagetest.NewMemory(), newModel(t)
			down, lost := false, false
			synctest.Test(t, func(t *testing.T) {
				m.t = t
				store := storagetest.NewFaulty(memory, func(op storage.Op, key string, _ int) storagetest.Fault {
					if lost && op == storage.OpPut && strings.HasPrefix(key, manifest.ManifestPrefix) {
						down, lost = true, false
						return storagetest.Fault{Err: errLost, Apply: apply}
					}
					if down {
						return storagetest.Fault{Err: storage.ErrUnavailable}
					}
					return storagetest.Fault{}
				})
				a := newWith(store, archiver.Options{Concurrency: 1, StoreTimeout: time.Second})
				s := a.Session(m.path, archiver.SessionOptions{Backup: archiver.BackupOptions{NoHold: true}})
				m.commit(100)
				for range 2 {
					if _, err := s.Backup(t.Context(), archiver.SessionBackup{}); err != nil {
						t.Fatal(err)
					}
				}
				m.commit(100)
				lost = true
				_, err := s.Backup(t.Context(), archiver.SessionBackup{})
				mustFail(t, err, archiver.CodeUnknownOutcome)
				_, err = s.Backup(t.Context(), archiver.SessionBackup{})
				mustFail(t, err, archiver.CodeStore)
				if l, err := s.Look(t.Context()); err != nil || l.Commits != 1 || !l.Known {
					t.Errorf("while the store is away: %+v, %v", l, err)
				}
				down = false
				r, err := s.Backup(t.Context(), archiver.SessionBackup{})
				want := archiver.KindIncremental
				if apply {
					want = archiver.KindNone
				}
				if err != nil || r.Backup.Seq != 2 || r.Backup.Kind != want || r.Requests.List == 0 {
					t.Errorf("%+v, %v", r, err)
				}
				m.commit(100)
				if r, err := s.Backup(t.Context(), archiver.SessionBackup{}); err != nil || r.Backup.Seq != 3 || r.Requests.List != 0 {
					t.Errorf("%+v, %v", r, err)
				}
			})
			m.t = t
			for epoch := range m.epoch {
				m.restoresTo(memory, archiver.AtEpoch(epoch+1), epoch+1)
			}
			mustBeWhole(t, memory)
		})
	}
}

// A session that has read the log up to its newest backup does not read it again; but it sees
// that another history was put in its place, whose numbers are the same or not.
func TestSessionSeesAFork(t *testing.T) {
	t.Parallel()
	for name, sizes := range map[string][]int{"equal numbers": {500, 600, 70}, "other numbers": {100, 777, 300, 70}} {
		m := newModel(t)
		past := m.save()
		store := storagetest.NewMemory()
		s := newArchive(store).Session(m.path, archiver.SessionOptions{})
		for _, size := range []int{500, 600} {
			m.commit(size)
			if _, err := s.Backup(t.Context(), archiver.SessionBackup{}); err != nil {
				t.Fatal(err)
			}
		}
		m.check(os.RemoveAll(m.path + ".wal"))
		m = m.putBack(past, true)
		m.reopen()
		m.now = m.now.Add(time.Hour)
		for _, size := range sizes {
			m.commit(size)
		}
		plan, err := newArchive(store).PlanBackup(t.Context(), m.path, archiver.BackupOptions{})
		if err != nil || plan.Kind != archiver.KindFull {
			t.Fatalf("%s: %+v, %v", name, plan, err)
		}
		if l, err := s.Look(t.Context()); err != nil || l.NeedsFull != plan.Why {
			t.Errorf("%s: %+v, %v, want %s", name, l, err, plan.Why)
		}
		_, err = s.Backup(t.Context(), archiver.SessionBackup{NoFull: true})
		mustFail(t, err, archiver.CodeNeedsFull, plan.Why)
		if r, err := s.Backup(t.Context(), archiver.SessionBackup{}); err != nil || r.Backup.Timeline != 2 || r.Why != plan.Why {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		m.restoresTo(store, archiver.Target{}, m.epoch)
	}
}

// After a copy of the database has begun a timeline of its own in the archive, a session that may take
// no full backup says from then on that one is needed, instead of trying for ever what cannot be.
func TestSessionKnowsWhyItFailed(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	past, store := m.save(), storagetest.NewMemory()
	s := newArchive(store).Session(m.path, archiver.SessionOptions{})
	m.commit(500)
	if _, err := s.Backup(t.Context(), archiver.SessionBackup{}); err != nil {
		t.Fatal(err)
	}
	other := past.model
	other.path = filepath.Join(t.TempDir(), "people.grafeo")
	m.check(os.WriteFile(other.path, past.image, 0o600))
	other.reopen()
	other.now = other.now.Add(time.Hour)
	other.commit(900)
	if r := backup(t, store, other.path); r.Backup.Timeline != 2 {
		t.Fatalf("the copy has committed %+v", r.Backup)
	}
	m.commit(600)
	if l, err := s.Look(t.Context()); err != nil || l.NeedsFull != "" || l.Commits != 1 {
		t.Fatalf("before it knows: %+v, %v", l, err)
	}
	_, err := s.Backup(t.Context(), archiver.SessionBackup{NoFull: true})
	mustFail(t, err, archiver.CodeNeedsFull)
	if l, err := s.Look(t.Context()); err != nil || l.NeedsFull == "" || l.Newest.Seq != 2 {
		t.Errorf("it looks as if an incremental backup would do: %+v, %v", l, err)
	}
	if r, err := s.Backup(t.Context(), archiver.SessionBackup{}); err != nil || r.Backup.Timeline != 3 {
		t.Errorf("%+v, %v", r, err)
	}
	m.restoresTo(store, archiver.Target{}, m.epoch)
}
