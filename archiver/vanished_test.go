package archiver_test

import (
	"bytes"
	"context"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// at is the archive in store, at an address that people know it by, and with a
// state folder, "" for none.
func at(store storage.Storage, state string) *archiver.Archive {
	return newWith(store, archiver.Options{Name: "/mnt/usb/a", State: state, Host: "test", Tool: "test"}).On(disktest.Unsynced{})
}

// without returns the objects whose keys do not begin with one of these.
func without(objects map[string][]byte, prefixes ...string) map[string][]byte {
	rest := maps.Clone(objects)
	maps.DeleteFunc(rest, func(key string, _ []byte) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
	})
	return rest
}

// vanishing are ways in which an archive can disappear: each returns the objects that
// are there instead, after three backups.
var vanishing = map[string]struct {
	now  func(t testing.TB, m *model, before map[string][]byte) map[string][]byte
	says string
}{
	"nothing": {func(testing.TB, *model, map[string][]byte) map[string][]byte { return nil }, "there is no archive"},
	"another archive": {func(t testing.TB, m *model, _ map[string][]byte) map[string][]byte {
		other := storagetest.NewMemory()
		if _, err := newArchive(other).Backup(t.Context(), m.path, archiver.BackupOptions{NoHold: true}); err != nil {
			t.Fatal(err)
		}
		return other.Objects()
	}, "another archive"},
	"no backup": {func(_ testing.TB, _ *model, before map[string][]byte) map[string][]byte {
		return without(before, "manifests/")
	}, "has no backup"},
	"gone back": {func(_ testing.TB, _ *model, before map[string][]byte) map[string][]byte {
		return without(before, "manifests/0000000003")
	}, "the newest backup at /mnt/usb/a is number 2"},
	"another backup 3": {func(t testing.TB, m *model, before map[string][]byte) map[string][]byte {
		return goOn(t, m, without(before, "manifests/0000000003"), 1)
	}, "another backup 3"},
	"another backup 3, and more": {func(t testing.TB, m *model, before map[string][]byte) map[string][]byte {
		return goOn(t, m, without(before, "manifests/0000000003"), 3)
	}, "another backup 3"},
}

// goOn makes more backups into an archive with these objects, of a copy of the
// database that holds nothing.
func goOn(t testing.TB, m *model, objects map[string][]byte, n int) map[string][]byte {
	t.Helper()
	store, dir := refill(t, objects), filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(dir, os.DirFS(filepath.Dir(m.path))); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, filepath.Base(m.path))
	if err := os.Remove(filepath.Join(copied+".wal", "backup_cursor.meta")); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for range n {
		if _, err := newArchive(store).Backup(t.Context(), copied, archiver.BackupOptions{NoHold: true, Full: true}); err != nil {
			t.Fatal(err)
		}
	}
	return store.Objects()
}

// hasVanished reports whether a code is that of an archive that is not there as it was. Of an
// encrypted one, others say whether it went back or was replaced.
func hasVanished(code archiver.Code) bool {
	return code == archiver.CodeVanished ||
		isEncrypted && slices.Contains([]archiver.Code{archiver.CodeDamagedArchive, archiver.CodeKeyWrong, archiver.CodeEncrypted}, code)
}

func mustVanish(t testing.TB, err error, words ...string) {
	t.Helper()
	if archiver.CodeOf(err) == archiver.CodeKeyWrong && isEncrypted {
		words = nil // nothing was read of it
	}
	if !hasVanished(archiver.CodeOf(err)) {
		t.Fatalf("error %v has code %q", err, archiver.CodeOf(err))
	}
	mustFail(t, err, archiver.CodeOf(err), words...)
}

// An archive that has vanished, or gone back, is noticed before anything is written:
// by the hold of the database, and without one by the record of the host.
func TestVanishedArchiveIsNoticed(t *testing.T) {
	for name, c := range vanishing {
		for _, by := range []string{"hold", "record"} {
			t.Run(name+" by "+by, func(t *testing.T) {
				m, store, state, opts := newModel(t), storagetest.NewMemory(), "", archiver.BackupOptions{}
				if by == "record" {
					state, opts.NoHold = filepath.Join(t.TempDir(), "home", "state"), true
				}
				for range 3 {
					m.commit(100)
					backupTo(t, at(store, state), m.path, opts)
				}
				now := refill(t, c.now(t, m, store.Objects()))
				before, cursor, record := now.Objects(), contents(t, m.path+".wal"), contents(t, filepath.Dir(state))
				_, err := at(now, state).Backup(t.Context(), m.path, opts)
				mustVanish(t, err, c.says, "backup 3, with epoch 3")
				r, err := at(now, state).Status(t.Context(), archiver.StatusOptions{Database: m.path})
				if err == nil {
					err = r.Within(1 << 60)
				}
				mustVanish(t, err, c.says)
				if by == "record" {
					r, err := at(now, state).Status(t.Context(), archiver.StatusOptions{})
					if err == nil {
						err = r.Within(1 << 60)
					}
					mustVanish(t, err, c.says)
					d, err := at(now, state).Doctor(t.Context(), archiver.DoctorOptions{})
					if p := d.Problem(); err != nil || p == nil || !hasVanished(p.Code) {
						t.Errorf("doctor finds %+v, %v", p, err)
					}
				}
				if got := now.Objects(); !maps.EqualFunc(got, before, func(a, b []byte) bool { return string(a) == string(b) }) {
					t.Error("the store was changed")
				}
				if !maps.Equal(cursor, contents(t, m.path+".wal")) || !maps.Equal(record, contents(t, filepath.Dir(state))) {
					t.Error("the hold or the record was changed")
				}

				// If the user says so, it continues with what there is, once, and then as always.
				opts.BeginAnew = true
				if isEncrypted && by == "record" && name == "another archive" { // to which this host has no writer key
					_, err := at(now, state).Backup(t.Context(), m.path, opts)
					mustFail(t, err, archiver.CodeKeyWrong)
					return
				}
				first := backupTo(t, at(now, state), m.path, opts)
				opts.BeginAnew = false
				m.commit(100)
				m.checkpointHeld()
				m.commit(100)
				kind := archiver.KindIncremental
				if by == "record" {
					kind = archiver.KindFull // the checkpoint has cut the log
				}
				if r := backupTo(t, at(now, state), m.path, opts); r.Backup.Kind != kind || r.Backup.Seq != first.Backup.Seq+1 {
					t.Errorf("then %+v, after %+v", r, first)
				}
				if held := len(heldBy(t, m.path)); by == "hold" && held != 1 || by == "record" && held != 0 {
					t.Errorf("%d holds", held)
				}
				m.restoresTo(now, archiver.Target{}, m.epoch)
				mustBeWhole(t, now)
			})
		}
	}
}

// What is no evidence that something has vanished changes nothing.
func TestNothingHasVanished(t *testing.T) {
	t.Run("a first backup that was killed", func(t *testing.T) {
		m := newModel(t)
		m.commit(100)
		backupTo(t, at(storagetest.NewMemory(), ""), m.path, archiver.BackupOptions{})
		cursor := filepath.Join(m.path+".wal", "backup_cursor.meta")
		b, err := os.ReadFile(cursor)
		m.check(err)
		b = bytes.Replace(b, []byte(`"seq":1,`), []byte(`"seq":0,`), 1)
		m.check(os.WriteFile(cursor, b, 0o600))
		if r := backupTo(t, at(storagetest.NewMemory(), ""), m.path, archiver.BackupOptions{}); r.Backup.Seq != 1 || !r.HoldBegan {
			t.Errorf("%+v", r)
		}
		if held := heldBy(t, m.path); len(held) != 1 {
			t.Errorf("%+v", held)
		}
	})
	t.Run("a hold under another name", func(t *testing.T) {
		m := newModel(t)
		m.commit(100)
		backupTo(t, called(storagetest.NewMemory(), "elsewhere"), m.path, archiver.BackupOptions{})
		if r := backupTo(t, at(storagetest.NewMemory(), ""), m.path, archiver.BackupOptions{}); r.Backup.Seq != 1 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("an archive that was moved", func(t *testing.T) {
		m, store := newModel(t), storagetest.NewMemory()
		m.commit(100)
		backupTo(t, called(store, "elsewhere"), m.path, archiver.BackupOptions{})
		m.commit(100)
		if r := backupTo(t, at(store, t.TempDir()), m.path, archiver.BackupOptions{}); r.Backup.Seq != 2 || r.Backup.Kind != "incremental" {
			t.Errorf("%+v", r)
		}
		if held := heldBy(t, m.path); len(held) != 1 || held["/mnt/usb/a"].Hold.Seq != 2 {
			t.Errorf("%+v", held)
		}
	})
	t.Run("another host has gone on", func(t *testing.T) {
		m, store, state := newModel(t), storagetest.NewMemory(), t.TempDir()
		m.commit(100)
		backupTo(t, at(store, state), m.path, archiver.BackupOptions{NoHold: true})
		m.commit(100)
		backupTo(t, at(store, t.TempDir()), m.path, archiver.BackupOptions{NoHold: true})
		m.commit(100)
		if r := backupTo(t, at(store, state), m.path, archiver.BackupOptions{NoHold: true}); r.Backup.Seq != 3 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("a list that is behind", func(t *testing.T) {
		m, store, state := newModel(t), storagetest.NewMemory(), t.TempDir()
		for range 2 {
			m.commit(100)
			backupTo(t, at(store, state), m.path, archiver.BackupOptions{NoHold: true})
		}
		m.commit(100)
		stale := staleList{store, "manifests/0000000002.json"}
		if r := backupTo(t, at(stale, state), m.path, archiver.BackupOptions{NoHold: true}); r.Backup.Seq != 3 {
			t.Errorf("%+v", r)
		}
	})
}

// staleList is a store whose lists do not show what has this key or a later one.
type staleList struct {
	storage.Storage
	from string
}

func (s staleList) List(ctx context.Context, prefix, after string) iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		for info, err := range s.Storage.List(ctx, prefix, after) {
			if prefix == "manifests/" && info.Key >= s.from || !yield(info, err) {
				return
			}
		}
	}
}

// A bucket that is gone is an archive that has vanished where one is known to have been
// there, and else a bucket that is to be made.
func TestBucketIsGone(t *testing.T) {
	gone := storagetest.NewFaulty(storagetest.NewMemory(), func(storage.Op, string, int) storagetest.Fault {
		return storagetest.Fault{Err: storage.ErrNoStore}
	})
	m, state := newModel(t), t.TempDir()
	_, err := at(gone, state).Backup(t.Context(), m.path, archiver.BackupOptions{})
	mustFail(t, err, archiver.CodeNoStore)
	m.commit(100)
	backupTo(t, at(storagetest.NewMemory(), state), m.path, archiver.BackupOptions{})
	for name, state := range map[string]string{"hold": "", "record": state} {
		_, err := at(gone, state).Backup(t.Context(), m.path, archiver.BackupOptions{})
		mustFail(t, err, archiver.CodeVanished, "bucket does not exist", "backup 1, with epoch 1")
		_, err = at(gone, state).Status(t.Context(), archiver.StatusOptions{Database: m.path})
		mustFail(t, err, archiver.CodeVanished, "bucket does not exist")
		_, err = at(gone, state).Backup(t.Context(), m.path, archiver.BackupOptions{BeginAnew: true})
		mustFail(t, err, archiver.CodeNoStore)
		if name == "record" {
			_, err = at(gone, state).List(t.Context())
			mustFail(t, err, archiver.CodeVanished, "bucket does not exist")
			d, err := at(gone, state).Doctor(t.Context(), archiver.DoctorOptions{})
			if p := d.Problem(); err != nil || p == nil || p.Code != archiver.CodeVanished {
				t.Errorf("doctor finds %+v, %v", p, err)
			}
		}
	}
}
