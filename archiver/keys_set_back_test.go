package archiver_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Whoever hides the record by which a recipient was removed does not have hosts go on as
// before: one that has nothing but its writer key notices, stores nothing, and names the record.
func TestRemovalIsHidden(t *testing.T) {
	t.Parallel()
	m, store, h, ada, bob := family(t)
	before := store.Objects()
	hidden := ada.changes(t, store, archiver.KeyChange{Remove: []string{bob.name()}}).Record
	m.commit(100)
	mustBackup(t, h.archive(store), m.path) // so the host learns of it
	back := refill(t, before)
	puts := func() (n int) {
		for _, c := range back.Calls() {
			if c.Op == storage.OpPut || c.Op == storage.OpDelete {
				n++
			}
		}
		return n
	}
	already, key := puts(), manifest.Seq(hidden).Key()
	_, err := h.archive(back).Backup(t.Context(), m.path, archiver.BackupOptions{})
	mustFail(t, err, archiver.CodeDamagedArchive, key)
	_, err = h.archive(back).Backup(t.Context(), m.path, archiver.BackupOptions{Full: true})
	mustFail(t, err, archiver.CodeDamagedArchive, key)
	_, err = h.archive(back).Pin(t.Context(), 1, "")
	mustFail(t, err, archiver.CodeDamagedArchive, key)
	if v, err := h.archive(back).Verify(t.Context(), archiver.VerifyOptions{}); err != nil || !names(v.Findings, key) {
		t.Errorf("verify found %v, %v", v.Findings, err)
	}
	if n := puts() - already; n > 0 || len(back.Objects()) != len(before) {
		t.Errorf("%d puts and deletes", n)
	}
}

// Whoever deletes the record with the newest list of keys stops no reader on a host that knows it: what
// is left is read, with a warning, and verify names the record. Writers store nothing.
func TestNewestKeysAreDeleted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(bob *person) archiver.KeyChange
	}{
		{"added", func(*person) archiver.KeyChange {
			return archiver.KeyChange{Add: []archiver.Recipient{newPerson(t).recipient}}
		}},
		{"removed", func(bob *person) archiver.KeyChange { return archiver.KeyChange{Remove: []string{bob.name()}} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, store, h, ada, bob := family(t)
			record := ada.changes(t, store, c.change(bob)).Record
			key := manifest.Seq(record).Key()
			mustBackup(t, h.archive(store), m.path) // so the host learns of it
			objects := store.Objects()
			for seq := manifest.Seq(record); objects[seq.Key()] != nil; seq++ {
				delete(objects, seq.Key())
			}
			back := refill(t, objects)
			keys, said := h.keys(), bytes.Buffer{}
			keys.Identities = ada.identities
			a := archiver.New(back, archiver.Options{Keys: keys, Logger: slog.New(slog.NewTextHandler(&said, nil))})
			if r, err := a.List(t.Context()); err != nil || len(r.Backups) != 1 {
				t.Errorf("list: %d backups, %v", len(r.Backups), err)
			}
			if _, err := a.Status(t.Context(), archiver.StatusOptions{}); err != nil {
				t.Errorf("status: %v", err)
			}
			if _, err := a.ListKeys(t.Context()); err != nil {
				t.Errorf("keys: %v", err)
			}
			if _, err := a.Restore(t.Context(), t.TempDir()+"/r.grafeo", archiver.RestoreOptions{}); err != nil {
				t.Errorf("restore: %v", err)
			}
			if _, err := a.Copy(t.Context(), newWith(storagetest.NewMemory(), archiver.Options{}), archiver.CopyOptions{Plain: true}); err != nil {
				t.Errorf("copy: %v", err)
			}
			if !strings.Contains(said.String(), key) {
				t.Errorf("no warning names %s: %s", key, &said)
			}
			v, err := a.Verify(t.Context(), archiver.VerifyOptions{Deep: true})
			if err != nil || !names(v.Findings, key) || v.Unopened {
				t.Errorf("verify found %v, %v", v.Findings, err)
			}
			_, err = a.ChangeKeys(t.Context(), archiver.KeyChange{Rotate: true})
			mustFail(t, err, archiver.CodeDamagedArchive, key)
			_, err = a.Backup(t.Context(), m.path, archiver.BackupOptions{NoHold: true})
			mustFail(t, err, archiver.CodeDamagedArchive, key)
		})
	}
}
