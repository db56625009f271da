package archiver_test

import (
	"bytes"
	"context"
	"errors"
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

const aDay = 24 * time.Hour

// locking is a store that locks each object for some days.
type locking struct {
	*storagetest.Memory
	days int
	err  error
	asks *int
}

func (l locking) ReadObjectLock(context.Context) (storage.ObjectLock, error) {
	if l.asks != nil {
		*l.asks++
	}
	if l.err != nil || l.days == 0 {
		return storage.ObjectLock{}, l.err
	}
	return storage.ObjectLock{Enabled: true, Retention: &storage.Retention{Mode: storage.RetentionCompliance, Days: l.days}}, nil
}

// lockedAt returns what is still locked at a time: what nobody can have deleted by then.
func (l locking) lockedAt(t *testing.T, at time.Time) *storagetest.Memory {
	t.Helper()
	left := storagetest.NewMemory()
	objects := l.Objects()
	for info, err := range l.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		if at.Before(info.ModTime.Add(time.Duration(l.days) * aDay)) {
			if _, err := left.Put(t.Context(), info.Key, bytes.NewReader(objects[info.Key]), storage.PutOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return left
}

// mustStay restores a backup from what will still be locked after a time.
func (l locking) mustStay(t *testing.T, seq uint64, keep time.Duration) {
	t.Helper()
	left := l.lockedAt(t, time.Now().Add(keep))
	target := archiver.AtBackup(seq)
	if _, err := newArchive(left).Restore(t.Context(), filepath.Join(t.TempDir(), "db.grafeo"), archiver.RestoreOptions{Target: target}); err != nil {
		t.Errorf("on %s: backup %d cannot be restored %s later: %v", time.Now().Format(time.DateOnly), seq, keep, err)
	}
}

func fullsAmong(kinds []archiver.Kind) (n int) {
	for _, k := range kinds {
		if k == archiver.KindFull {
			n++
		}
	}
	return n
}

// Each backup of a chain can be restored for as long as was asked for, if everything was
// deleted that is not locked then; and chains grow for as long as that allows.
func TestChainsEndWithTheirLocks(t *testing.T) {
	for name, c := range map[string]struct {
		days  int
		keep  time.Duration
		fulls int // of 30 daily backups
	}{
		"10 days for 3": {10, 3 * aDay, 5},
		"4 days for 3":  {4, 3 * aDay, 30},
		"90 days for 3": {90, 3 * aDay, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := locking{Memory: storagetest.NewMemory(), days: c.days}
				m := newModel(t)
				var kinds []archiver.Kind
				for range 30 {
					m.commit(100)
					r, err := newArchive(store).Backup(t.Context(), m.path, archiver.BackupOptions{LockKeep: c.keep})
					if err != nil {
						t.Fatal(err)
					}
					if r.Backup.Seq > 1 && r.Backup.Kind == archiver.KindFull && !strings.Contains(r.Why, "the chain's lock ends") {
						t.Errorf("a full backup: %s", r.Why)
					}
					kinds = append(kinds, r.Backup.Kind)
					store.mustStay(t, r.Backup.Seq, c.keep)
					time.Sleep(aDay)
				}
				if n := fullsAmong(kinds); n != c.fulls {
					t.Errorf("%d full backups, want %d: %v", n, c.fulls, kinds)
				}
			})
		})
	}
}

// Without a plan, what one chain has may be deleted while it still grows.
func TestWithoutAPlanChainsOutliveTheirLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := locking{Memory: storagetest.NewMemory(), days: 4}
		m := newModel(t)
		for range 6 {
			m.commit(100)
			backup(t, store, m.path)
			time.Sleep(aDay)
		}
		if left := store.lockedAt(t, time.Now()); left.Objects()[manifest.Seq(1).Key()] != nil {
			t.Error("the full backup is locked still")
		}
	})
}

// If nothing is new for weeks, the newest state stays locked: it is stored again.
func TestWhatDoesNotChangeIsStoredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := locking{Memory: storagetest.NewMemory(), days: 10}
		im := newPagedImage(t, 600)
		fulls := 0
		for range 30 {
			r, err := newArchive(store).Backup(t.Context(), im.path, archiver.BackupOptions{LockKeep: 3 * aDay})
			if err != nil {
				t.Fatal(err)
			}
			if r.Backup.Kind == archiver.KindFull {
				fulls++
			}
			newest := manifestOf(t, store.Objects(), uint64(fulls))
			if newest.LockedFrom == nil || newest.LockedFrom.After(time.Now()) {
				t.Errorf("full backup %d is locked from %v", newest.Seq, newest.LockedFrom)
			}
			store.mustStay(t, uint64(newest.Seq), 3*aDay)
			time.Sleep(aDay)
		}
		if fulls < 5 || fulls > 11 {
			t.Errorf("%d full backups in 30 days", fulls)
		}
	})
}

// Full backups refer to segments of earlier ones as long as their locks allow it, and store
// them once more then.
func TestSharedSegmentsAreLockedForLongEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := locking{Memory: storagetest.NewMemory(), days: 30}
		im := newPagedImage(t, 1200)
		const keep = 10 * aDay
		shared, again := 0, 0
		for i := range 60 {
			im.change(i, 1, 1)
			im.write(t)
			r, err := newArchive(store).Backup(t.Context(), im.path, archiver.BackupOptions{
				LockKeep: keep, Full: true, SegmentBytes: archiver.MinSegmentBytes,
			})
			if err != nil {
				t.Fatal(err)
			}
			switch share := float64(r.Backup.ReusedBytes) / float64(r.Backup.RawBytes); {
			case share > 0.5:
				shared++
			case share < 0.1:
				again++
			}
			store.mustStay(t, r.Backup.Seq, keep)
			// For a week, the chain can grow.
			m := manifestOf(t, store.Objects(), r.Backup.Seq)
			if ends := m.LockedFrom.Add(30*aDay - keep - time.Hour); ends.Before(time.Now().Add(7*aDay - time.Hour)) {
				t.Errorf("the chain of backup %d ends on %s already", m.Seq, ends)
			}
			time.Sleep(aDay)
		}
		if shared < 40 || again < 4 || again > 8 {
			t.Errorf("of 60 full backups, %d refer to earlier ones and %d store everything", shared, again)
		}
	})
}

// Locks that are too short, or not known, end a backup before it does anything.
func TestLocksThatAreTooShort(t *testing.T) {
	denied := &storage.Error{Op: storage.OpGet, Err: storage.ErrPermission}
	for name, c := range map[string]struct {
		store storage.Storage
		opts  archiver.BackupOptions
		words string // "" if it is enough
	}{
		"too short":       {locking{Memory: storagetest.NewMemory(), days: 30}, archiver.BackupOptions{LockKeep: 40 * aDay}, "objects for 30 days, and backups are to stay restorable for 40 days"},
		"the same":        {locking{Memory: storagetest.NewMemory(), days: 30}, archiver.BackupOptions{LockKeep: 30 * aDay}, "30 days"},
		"one day more":    {locking{Memory: storagetest.NewMemory(), days: 31}, archiver.BackupOptions{LockKeep: 30 * aDay}, ""},
		"no retention":    {locking{Memory: storagetest.NewMemory()}, archiver.BackupOptions{LockKeep: aDay}, "locks no object by default"},
		"may not be read": {locking{Memory: storagetest.NewMemory(), err: denied}, archiver.BackupOptions{LockKeep: aDay}, "not known"},
		"no locks":        {storagetest.NewMemory(), archiver.BackupOptions{LockKeep: aDay}, "has no locks for objects"},
		"given":           {locking{Memory: storagetest.NewMemory(), err: denied}, archiver.BackupOptions{LockKeep: aDay, LockLength: 3 * aDay}, ""},
		"given too short": {locking{Memory: storagetest.NewMemory(), days: 30}, archiver.BackupOptions{LockKeep: 4 * aDay, LockLength: 3 * aDay}, "3 days"},
	} {
		m := newModel(t)
		m.commit(1)
		_, planErr := newArchive(c.store).PlanBackup(t.Context(), m.path, c.opts)
		_, err := newArchive(c.store).Backup(t.Context(), m.path, c.opts)
		for _, err := range []error{planErr, err} {
			switch lock := (*archiver.LockError)(nil); {
			case c.words == "" && err != nil:
				t.Errorf("%s: %v", name, err)
			case c.words == "":
			case archiver.CodeOf(err) != archiver.CodeLock || !errors.As(err, &lock) || !strings.Contains(err.Error(), c.words):
				t.Errorf("%s: %v (%s)", name, err, archiver.CodeOf(err))
			}
		}
	}
	busy := locking{Memory: storagetest.NewMemory(), err: &storage.Error{Op: storage.OpGet, Err: storage.ErrUnavailable}}
	m := newModel(t)
	if _, err := newArchive(busy).Backup(t.Context(), m.path, archiver.BackupOptions{LockKeep: aDay}); archiver.CodeOf(err) != archiver.CodeStore {
		t.Errorf("a store that does not answer: %v", err)
	}
}

// A session reads for how long objects are locked when it reads the archive, and knows when a full
// backup is due.
func TestSessionWithLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asks := 0
		store := locking{Memory: storagetest.NewMemory(), days: 10, asks: &asks}
		m := newModel(t)
		s := newArchive(store).Session(m.path, archiver.SessionOptions{Backup: archiver.BackupOptions{LockKeep: 3 * aDay}})
		began := time.Now()
		back := func(o archiver.SessionBackup, want archiver.Kind) {
			t.Helper()
			m.commit(10)
			r, err := s.Backup(t.Context(), o)
			if err != nil || r.Backup.Kind != want {
				t.Fatalf("%+v, %v, want %s", r, err, want)
			}
		}
		look := func() archiver.Look {
			t.Helper()
			l, err := s.Look(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		back(archiver.SessionBackup{}, archiver.KindFull)
		for range 5 {
			back(archiver.SessionBackup{NoFull: true}, archiver.KindIncremental)
		}
		if asks != 1 {
			t.Errorf("it has asked %d times", asks)
		}
		if l := look(); !l.LockFullAt.Equal(began.Add(7*aDay-time.Hour)) || l.NeedsFull != "" {
			t.Errorf("%s: %+v", began, l)
		}
		time.Sleep(7*aDay - 2*time.Hour)
		back(archiver.SessionBackup{NoFull: true}, archiver.KindIncremental)
		time.Sleep(time.Hour)
		if l := look(); !strings.Contains(l.NeedsFull, "lock ends") {
			t.Errorf("%+v", l)
		}
		m.commit(10)
		if _, err := s.Backup(t.Context(), archiver.SessionBackup{NoFull: true}); archiver.CodeOf(err) != archiver.CodeNeedsFull {
			t.Errorf("got %v", err)
		}
		back(archiver.SessionBackup{}, archiver.KindFull)
		if l := look(); l.NeedsFull != "" || !l.LockFullAt.After(time.Now().Add(6*aDay)) {
			t.Errorf("after that: %+v", l)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// A chain that somebody has begun without a plan is not gone on with.
func TestLocksOfAnUnplannedChain(t *testing.T) {
	store := locking{Memory: storagetest.NewMemory(), days: 10}
	m := newModel(t)
	m.commit(10)
	backup(t, store, m.path)
	for i, want := range []archiver.Kind{archiver.KindFull, archiver.KindIncremental, archiver.KindIncremental} {
		m.commit(10)
		opts := archiver.BackupOptions{LockKeep: aDay}
		if i == 1 {
			opts = archiver.BackupOptions{} // which keeps what is known of the chain
		}
		r, err := newArchive(store).Backup(t.Context(), m.path, opts)
		if err != nil || r.Backup.Kind != want {
			t.Errorf("%+v, %v, want %s", r, err, want)
		}
	}
}
