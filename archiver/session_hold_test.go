package archiver_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// heldFor returns up to which backup the cursor says that an archive has the log.
func (m *model) heldFor() uint64 {
	m.t.Helper()
	b, err := os.ReadFile(filepath.Join(m.path+".wal", "backup_cursor.meta"))
	m.check(err)
	var c struct {
		Ours struct {
			Holds []struct{ Seq uint64 }
		} `json:"gbak_s3"`
	}
	m.check(json.Unmarshal(b, &c))
	if len(c.Ours.Holds) != 1 {
		m.t.Fatalf("holds in %s", b)
	}
	return c.Ours.Holds[0].Seq
}

// Within a session the hold moves when a log segment can go, after a minute, and when the
// session is closed. Where it is behind, nothing is lost: another process goes on from it.
func TestHoldOfASession(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), newModel(t)
	synctest.Test(t, func(t *testing.T) {
		m.t = t
		s := newArchive(store).Session(m.path, archiver.SessionOptions{})
		increment := func(wantHeld uint64) {
			t.Helper()
			m.commit(100)
			if _, err := s.Backup(t.Context(), archiver.SessionBackup{}); err != nil {
				t.Fatal(err)
			}
			if got := m.heldFor(); got != wantHeld {
				t.Errorf("the hold is at backup %d, want %d", got, wantHeld)
			}
		}
		increment(1)
		increment(1)
		increment(1)
		m.checkpointHeld()
		increment(4) // in a new segment of the log
		increment(4)
		m.checkpointHeld()
		if l, err := s.Look(t.Context()); err != nil || l.HeldLogBytes == 0 {
			t.Errorf("%+v, %v", l, err)
		}
		increment(6)
		increment(6)
		time.Sleep(time.Minute)
		increment(8)
		increment(8)
		increment(8)
		if r := backup(t, store, m.path); r.Backup.Kind != archiver.KindNone { // by somebody else, for whom 8 is known
			t.Errorf("%+v", r)
		}
		if got := m.heldFor(); got != 10 {
			t.Errorf("the hold is at %d", got)
		}
		increment(11) // as somebody has moved it
		increment(11)
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := m.heldFor(); got != 12 {
			t.Errorf("after the session the hold is at backup %d", got)
		}
		if r := backup(t, store, m.path); r.Backup.Kind != archiver.KindNone || r.HoldBegan {
			t.Errorf("%+v", r)
		}
	})
	m.t = t
	for epoch := range m.epoch {
		m.restoresTo(store, archiver.AtEpoch(epoch+1), epoch+1)
	}
}

// A backup that ends without a commit is named by the hold at once: nothing else shows the next
// run that the history is the same.
func TestHoldOfASessionWithoutACommit(t *testing.T) {
	t.Parallel()
	store, path := storagetest.NewMemory(), copyVector(t, "v0.6.0/closed")
	m := &model{t: t, path: path}
	s := newArchive(store).Session(path, archiver.SessionOptions{})
	for seq := range uint64(3) {
		if r, err := s.Backup(t.Context(), archiver.SessionBackup{Full: true}); err != nil || r.Backup.Seq != seq+1 {
			t.Fatalf("%+v, %v", r, err)
		}
		if got := m.heldFor(); got != seq+1 {
			t.Errorf("after backup %d the hold is at %d", seq+1, got)
		}
	}
}

// A hold that was released is taken again by the next backup, and not by the end of the session.
func TestReleasedHoldOfASession(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), newModel(t)
	a := newArchive(store)
	s := a.Session(m.path, archiver.SessionOptions{})
	increment := func(noHold, began bool) {
		t.Helper()
		m.commit(100)
		r, err := s.Backup(t.Context(), archiver.SessionBackup{NoHold: noHold})
		if err != nil || r.HoldBegan != began {
			t.Fatalf("%+v, %v", r, err)
		}
		if _, held := m.walLSN(); held == noHold {
			t.Errorf("held: %v", held)
		}
	}
	release := func() {
		t.Helper()
		if released, err := a.Release(t.Context(), m.path); !released || err != nil {
			t.Fatal(released, err)
		}
	}
	increment(false, true)
	increment(false, false)
	release()
	increment(true, false)
	increment(false, true)
	increment(false, false)
	increment(false, false)
	release()
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, held := m.walLSN(); held {
		t.Error("the end of the session holds the log again")
	}
}

// What the database keeps for an archive shows although no store has answered yet: a disk fills
// meanwhile.
func TestHeldLogOfAnUnknownArchive(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), newModel(t)
	named := func(name string) *archiver.Archive {
		return newWith(store, archiver.Options{Name: name}).On(disktest.Unsynced{})
	}
	if _, err := named("here").Backup(t.Context(), m.path, archiver.BackupOptions{}); err != nil {
		t.Fatal(err)
	}
	m.commit(100)
	m.checkpointHeld()
	for name, isHeld := range map[string]bool{"here": true, "there": false, "": false} {
		l, err := named(name).Session(m.path, archiver.SessionOptions{}).Look(t.Context())
		if err != nil || l.Known || (l.HeldLogBytes > 0) != isHeld {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
}

// swap is a store that a test can take away.
type swap struct{ storage.Storage }

// What a session remembers between its backups is small, whatever these had.
func TestMemoryOfSessions(t *testing.T) {
	const sessions, limit = 400, 40 << 10
	used := func() int64 {
		runtime.GC()
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	m, store := newModel(t), &swap{storagetest.NewMemory()}
	m.commit(100)
	full(t, store, m.path)
	before := used()
	var all []*archiver.Session
	for range sessions {
		s := newArchive(store).Session(m.path, archiver.SessionOptions{Backup: archiver.BackupOptions{NoHold: true}})
		for range 2 {
			m.commit(manifest.MaxInlineBytes / 20)
			if r, err := s.Backup(t.Context(), archiver.SessionBackup{}); err != nil || r.Backup.Kind != archiver.KindIncremental {
				t.Fatalf("%+v, %v", r, err)
			}
		}
		all = append(all, s)
	}
	store.Storage, m.all = nil, nil
	each := (used() - before) / sessions
	t.Logf("a session takes %d bytes", each)
	if each > limit {
		t.Errorf("a session takes %d bytes, want at most %d", each, limit)
	}
	runtime.KeepAlive(all)
}
