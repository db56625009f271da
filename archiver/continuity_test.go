package archiver_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// closed ends a clean close: the image has everything, there is no log.
func (m *model) closed() {
	m.t.Helper()
	m.checkpointHeld()
	m.check(m.log.Close())
	m.check(os.RemoveAll(m.path + ".wal"))
}

// saved is a copy of the database at rest, to go back to.
type saved struct {
	model
	image []byte
}

func (m *model) save() saved {
	m.t.Helper()
	b, err := os.ReadFile(m.path)
	m.check(err)
	s := saved{*m, b}
	s.all = bytes.Clone(m.all)
	return s
}

// putBack puts a saved image in the database's place, as somebody with an old
// copy would, into the same file or as a new one, and returns the model of it.
func (m *model) putBack(s saved, sameFile bool) *model {
	m.t.Helper()
	if !sameFile {
		m.check(os.Remove(m.path))
	}
	m.check(os.WriteFile(m.path, s.image, 0o600))
	other := s.model
	return &other
}

// Another history with the same log positions, sizes and epochs is another one:
// the content decides.
func TestForkWithEqualNumbers(t *testing.T) {
	m := newModel(t)
	past := m.save()
	store := storagetest.NewMemory()
	m.commit(500)
	m.commit(600)
	backup(t, store, m.path)
	m.check(os.RemoveAll(m.path + ".wal"))
	m = m.putBack(past, true)
	m.reopen()
	m.now = m.now.Add(time.Hour)
	m.commit(500)
	m.commit(600)
	m.commit(70)
	if r := backup(t, store, m.path); r.Backup.Kind != "full" || r.Backup.Timeline != 2 {
		t.Errorf("backup %d is %s on timeline %d", r.Backup.Seq, r.Backup.Kind, r.Backup.Timeline)
	}
	m.restoresTo(store, archiver.Target{}, 3)
}

// Where a backup ends without a commit, the log being held proves nothing about
// another history that was put in the database's place.
func TestHoldDoesNotProveAnotherHistory(t *testing.T) {
	for name, fork := range map[string]func(m *model, older, same saved) *model{
		"an older copy, in the same file": func(m *model, older, _ saved) *model {
			return m.putBack(older, true)
		},
		"an older copy, in the same file, gone on": func(m *model, older, _ saved) *model {
			m = m.putBack(older, true)
			m.reopen()
			m.commit(2000)
			m.commit(2000)
			return m
		},
		"an older copy, in the same file, gone on over a checkpoint at the very place": func(m *model, older, same saved) *model {
			m = m.putBack(older, true)
			m.reopen()
			m.commit(1)
			m.commit(len(same.all) - len(m.all) - frameBytes(m.t))
			if len(m.all) != len(same.all) {
				m.t.Fatalf("the log ends at %d, want %d", len(m.all), len(same.all))
			}
			m.checkpointHeld()
			m.commit(700)
			return m
		},
		"an older copy, as a new file, gone on": func(m *model, older, _ saved) *model {
			m = m.putBack(older, false)
			m.reopen()
			m.commit(5000)
			m.checkpointHeld()
			m.commit(10)
			return m
		},
		"a copy of the same moment that went on elsewhere": func(m *model, _, same saved) *model {
			away := m.putBack(same, false)
			away.path = filepath.Join(m.t.TempDir(), "m.grafeo")
			m.check(os.WriteFile(away.path, same.image, 0o600))
			away.reopen()
			away.commit(10)
			away.checkpoint(1 << 60)
			away.commit(20)
			m.check(os.RemoveAll(m.path + ".wal"))
			m.check(os.Rename(away.path+".wal", m.path+".wal"))
			m.check(os.Rename(away.path, m.path))
			away.path = m.path
			return away
		},
	} {
		for _, asked := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				m := newModel(t)
				m.commit(100)
				m.closed()
				older := m.save()
				m.reopen()
				m.commit(1000)
				m.closed()
				same := m.save()
				store := storagetest.NewMemory()
				if r := backup(t, store, m.path); !r.HoldBegan || r.Backup.EndEpoch != 2 {
					t.Fatalf("%+v", r)
				}
				m = fork(m, older, same)
				r, err := newArchive(store).Backup(t.Context(), m.path, archiver.BackupOptions{Full: asked})
				if err != nil || r.Backup.Kind != "full" || r.Backup.Timeline != 2 {
					t.Fatalf("%+v, %v", r, err)
				}
				m.restoresTo(store, archiver.Target{}, m.epoch)
				mustBeWhole(t, store)
			})
		}
	}
}

// frameBytes is what a commit takes in the log besides its records.
func frameBytes(t testing.TB) int {
	t.Helper()
	m := newModel(t)
	m.commit(1)
	return len(m.all) - 1
}

// A backup that loses the race continues after the winner with all that there is
// by then: also a full one that was asked for, whose own reading is older.
func TestLosingTheRace(t *testing.T) {
	for _, asked := range []bool{false, true} {
		inner := storagetest.NewMemory()
		m := newModel(t)
		m.commit(5000)
		backup(t, inner, m.path)
		m.commit(100)
		rivals := 2
		store := storagetest.NewFaulty(inner, func(op storage.Op, key string, _ int) storagetest.Fault {
			if op == storage.OpPut && strings.HasPrefix(key, manifest.ManifestPrefix) && rivals > 0 {
				rivals--
				m.commit(200)
				backup(t, inner, m.path)
				m.commit(300)
			}
			return storagetest.Fault{}
		})
		r, err := newArchive(store).Backup(t.Context(), m.path, archiver.BackupOptions{Full: asked})
		if err != nil || r.Backup.Seq != 4 || r.Backup.Timeline != 1 || r.Backup.RestoreTo != m.epoch {
			t.Fatalf("%+v, %v", r, err)
		}
		for epoch := uint64(0); epoch <= m.epoch; epoch++ {
			m.restoresTo(inner, archiver.AtEpoch(epoch), epoch)
		}
		mustBeWhole(t, inner)
	}
}

// While a run that lost a race looks again, the log that it holds stays held.
func TestLosingTheRaceHoldsTheLog(t *testing.T) {
	inner := storagetest.NewMemory()
	m := newModel(t)
	rival := func() {
		m.commit(100)
		if _, err := newArchive(inner).Backup(t.Context(), m.path, archiver.BackupOptions{NoHold: true}); err != nil {
			t.Fatal(err)
		}
	}
	rival()
	m.commit(100)
	lost, looked := false, false
	store := storagetest.NewFaulty(inner, func(op storage.Op, key string, _ int) storagetest.Fault {
		switch {
		case op == storage.OpPut && strings.HasPrefix(key, manifest.ManifestPrefix) && !lost:
			lost = true
			rival()
		case lost && key == manifest.ArchiveKey:
			looked = true
			if _, held := m.walLSN(); !held {
				t.Error("the log is not held any more")
			}
		}
		return storagetest.Fault{}
	})
	m.commit(100)
	if r := backup(t, store, m.path); r.Backup.Seq != 3 && r.Backup.Kind != archiver.KindNone || !r.HoldBegan || !looked {
		t.Errorf("%+v, looked again: %v", r, looked)
	}
}

// A commit that was made while a backup ran is not in it, and its time is one
// that the backup does not know.
func TestTimeDuringABackup(t *testing.T) {
	m := newModel(t)
	m.now = time.Now().UTC().Add(-time.Minute).Truncate(time.Millisecond)
	m.commit(100)
	inner := storagetest.NewMemory()
	a := newArchive(during(inner, func() {
		m.now = time.Now().UTC().Truncate(time.Millisecond).Add(-time.Second) // what commit adds
		m.commit(100)
	}))
	r, err := a.Backup(t.Context(), m.path, archiver.BackupOptions{})
	if err != nil || r.Backup.EndEpoch != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	at := m.times[2].Add(time.Millisecond)
	_, err = a.Plan(t.Context(), archiver.AtTime(at))
	mustFail(t, err, archiver.CodeUnreachable)
	if hint := err.(*archiver.Error).Hint; !strings.Contains(hint, "without a time") { //nolint:errorlint // mustFail has seen that it is one
		t.Errorf("hint %q", hint)
	}
	time.Sleep(time.Until(at)) // it is a millisecond away at the most
	backup(t, inner, m.path)
	m.restoresTo(inner, archiver.AtTime(at), 2)
	before := m.times[2].Add(-time.Millisecond)
	m.restoresTo(inner, archiver.AtTime(before), 1)
}

// Commits of 0.5 have no times. If a backup was being read at the time in question,
// nobody knows whether it shows the state before or after.
func TestTimeWhileAnOldDatabaseWasRead(t *testing.T) {
	path := copyVector(t, "v0.5.42/live")
	three := storagetest.NewMemory()
	for range 3 {
		full(t, three, path)
	}
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	at := func(hour, minute int) time.Time {
		return day.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
	}
	store := retold(t, three, func(m *manifest.Manifest) {
		m.CreatedAt, m.ReadUntil = at(int(m.Seq), 0), at(int(m.Seq), 5)
	})
	for want, when := range map[uint64]time.Time{1: at(2, 3), 2: at(2, 5)} {
		p, err := newArchive(store).Plan(t.Context(), archiver.AtTime(when))
		if err != nil || p.Backup.Seq != want {
			t.Errorf("at %s: %+v, %v; want backup %d", when, p, err, want)
		}
	}
	for _, when := range []time.Time{at(1, 3), at(3, 1)} {
		_, err := newArchive(store).Plan(t.Context(), archiver.AtTime(when))
		mustFail(t, err, archiver.CodeUnreachable)
	}
}

// retold is a copy of an archive in which change has changed each manifest.
func retold(t *testing.T, from *storagetest.Memory, change func(*manifest.Manifest)) *storagetest.Memory {
	t.Helper()
	objects := from.Objects()
	var previous *manifest.Digest
	for seq := manifest.Seq(1); objects[seq.Key()] != nil; seq++ {
		m, err := decodeManifest(objects[seq.Key()])
		if err != nil {
			t.Fatal(err)
		}
		change(m)
		m.Previous = previous
		objects[seq.Key()] = m.Encode()
		sum := manifest.Sum(objects[seq.Key()])
		previous = &sum
	}
	to := storagetest.NewMemory()
	for key, b := range objects {
		if _, err := to.Put(t.Context(), key, bytes.NewReader(b), storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// during does something the first time that a segment is put: in the middle of
// a backup.
func during(inner storage.Storage, what func()) storage.Storage {
	var once sync.Once
	return storagetest.NewFaulty(inner, func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpPut && strings.HasPrefix(key, manifest.SegmentPrefix) {
			once.Do(what)
		}
		return storagetest.Fault{}
	})
}
