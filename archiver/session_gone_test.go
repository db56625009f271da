package archiver_test

import (
	"bytes"
	"maps"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// ifEncrypted returns the first code if the archives of the tests are encrypted, else the second.
func ifEncrypted(is, isNot archiver.Code) archiver.Code {
	if isEncrypted {
		return is
	}
	return isNot
}

// While a session goes on, somebody empties its archive, puts another one or an earlier state of
// it there, or damages its end. The session notices before it commits, even if neither the
// database nor the host remembers the archive; nothing is stored.
func TestSessionWhoseArchiveIsGone(t *testing.T) {
	t.Parallel()
	refillWith := func(store *storagetest.Memory, objects map[string][]byte) {
		for key := range store.Objects() {
			if err := store.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
		for key, b := range objects {
			put(t, store, key, string(b))
		}
	}
	cases := []struct {
		name   string
		code   archiver.Code
		happen func(store *storagetest.Memory, m *model, early map[string][]byte)
	}{
		{"emptied", archiver.CodeVanished, func(store *storagetest.Memory, _ *model, _ map[string][]byte) {
			refillWith(store, nil)
		}},
		{"an earlier state", ifEncrypted(archiver.CodeDamagedArchive, archiver.CodeVanished), func(store *storagetest.Memory, _ *model, early map[string][]byte) {
			refillWith(store, early)
		}},
		{"another archive of the database", ifEncrypted(archiver.CodeKeyWrong, archiver.CodeVanished), func(store *storagetest.Memory, m *model, _ map[string][]byte) {
			other := storagetest.NewMemory()
			for range 3 {
				if _, err := newArchive(other).Backup(t.Context(), m.path, archiver.BackupOptions{Full: true, NoHold: true}); err != nil {
					t.Fatal(err)
				}
			}
			refillWith(store, other.Objects())
		}},
		{"no archive.json and no end", archiver.CodeVanished, func(store *storagetest.Memory, _ *model, _ map[string][]byte) {
			objects := store.Objects()
			delete(objects, manifest.ArchiveKey)
			for seq := manifest.Seq(1); seq <= 3; seq++ {
				delete(objects, seq.Key())
			}
			refillWith(store, objects)
		}},
		{"a damaged end", archiver.CodeDamagedArchive, func(store *storagetest.Memory, _ *model, _ map[string][]byte) {
			objects := store.Objects()
			objects[manifest.Seq(3).Key()] = objects[manifest.Seq(3).Key()][:200]
			refillWith(store, objects)
		}},
	}
	for _, c := range cases {
		for _, noHold := range []bool{true, false} {
			t.Run(c.name, func(t *testing.T) {
				store, m := storagetest.NewMemory(), newModel(t)
				s := newArchive(store).Session(m.path, archiver.SessionOptions{})
				var early map[string][]byte
				for range 3 {
					m.commit(100)
					if _, err := s.Backup(t.Context(), archiver.SessionBackup{NoHold: noHold}); err != nil {
						t.Fatal(err)
					}
					if early == nil {
						early = store.Objects()
					}
				}
				whole := store.Objects()
				c.happen(store, m, early)
				before := store.Objects()
				m.commit(100)
				for range 3 {
					_, err := s.Backup(t.Context(), archiver.SessionBackup{NoHold: noHold})
					mustFail(t, err, c.code)
					if err := s.Check(t.Context()); archiver.CodeOf(err) != c.code {
						t.Errorf("the check says %v", err)
					}
				}
				if !maps.EqualFunc(before, store.Objects(), bytes.Equal) {
					t.Error("something was stored")
				}
				if l, err := s.Look(t.Context()); err != nil || !l.Known || l.Newest.Seq != 3 || l.Commits != 1 {
					t.Errorf("%+v, %v", l, err)
				}
				refillWith(store, whole) // the right disk is mounted again
				r, err := s.Backup(t.Context(), archiver.SessionBackup{NoHold: noHold})
				if err != nil || r.Backup.Seq != 4 || r.Backup.Kind != archiver.KindIncremental {
					t.Errorf("%+v, %v", r, err)
				}
				mustBeWhole(t, store)
			})
		}
	}
}

// A check sees an archive that is not as the session knows it, and reads it.
func TestSessionChecks(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), newModel(t)
	s := newArchive(store).Session(m.path, archiver.SessionOptions{})
	m.commit(100)
	if _, err := s.Backup(t.Context(), archiver.SessionBackup{}); err != nil {
		t.Fatal(err)
	}
	m.commit(100)
	backup(t, store, m.path) // by somebody else
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err) // the newest record that it knows is there
	}
	if l, err := s.Look(t.Context()); err != nil || l.Newest.Seq != 1 || l.Commits != 1 {
		t.Errorf("before it has read: %+v, %v", l, err)
	}
	if err := s.Reread(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l, err := s.Look(t.Context()); err != nil || l.Newest.Seq != 2 || l.Commits != 0 {
		t.Errorf("%+v, %v", l, err)
	}
	r, err := s.Backup(t.Context(), archiver.SessionBackup{})
	if err != nil || r.Backup.Kind != archiver.KindNone {
		t.Fatalf("%+v, %v", r, err)
	}
	if l, err := s.Look(t.Context()); err != nil || l.Newest.Seq != 2 || l.Commits != 0 {
		t.Errorf("%+v, %v", l, err)
	}
	for key := range store.Objects() {
		if err := store.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	mustFail(t, s.Check(t.Context()), archiver.CodeVanished)
	m.commit(100)
	if r, err := s.Backup(t.Context(), archiver.SessionBackup{BeginAnew: true}); err != nil || r.Backup.Seq != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	m.commit(100)
	if r, err := s.Backup(t.Context(), archiver.SessionBackup{}); err != nil || r.Backup.Seq != 2 || r.Backup.Kind != archiver.KindIncremental {
		t.Fatalf("%+v, %v", r, err)
	}
	mustBeWhole(t, store)
}

// A session that finds its archive gone names the newest backup that it knows, and not the one that the
// hold names, which moves on later.
func TestSessionNamesTheNewestThatIsGone(t *testing.T) {
	t.Parallel()
	store, m := storagetest.NewMemory(), newModel(t)
	s := at(store, t.TempDir()).Session(m.path, archiver.SessionOptions{})
	for range 3 {
		m.commit(100)
		if _, err := s.Backup(t.Context(), archiver.SessionBackup{}); err != nil {
			t.Fatal(err)
		}
	}
	for key := range store.Objects() {
		if err := store.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	m.commit(100)
	_, err := s.Backup(t.Context(), archiver.SessionBackup{})
	mustFail(t, err, archiver.CodeVanished, "backup 3, with epoch 3")
}
