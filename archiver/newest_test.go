package archiver_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// ruin replaces an object.
func ruin(t *testing.T, store *storagetest.Memory, key string, b []byte) {
	t.Helper()
	if _, err := store.Put(t.Context(), key, bytes.NewReader(b), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

// Where the newest manifest is empty, cut or rotten, every verb that needs it says
// which backup is the last one that is whole, and that one can be restored.
func TestNewestManifestIsDamaged(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"empty":  func([]byte) []byte { return nil },
		"cut":    func(b []byte) []byte { return b[:len(b)/2] },
		"rotten": func(b []byte) []byte { c := bytes.Clone(b); c[len(c)/2] ^= 1; return c },
		"page":   func([]byte) []byte { return []byte("<html></html>") },
	} {
		t.Run(name, func(t *testing.T) {
			store := storagetest.NewMemory()
			m := newModel(t)
			for range 3 {
				m.commit(100)
				backup(t, store, m.path)
			}
			key := manifest.Seq(3).Key()
			ruin(t, store, key, damage(store.Objects()[key]))
			a := newArchive(store)
			for verb, run := range map[string]func() error{
				"backup": func() error { _, err := a.Backup(t.Context(), m.path, archiver.BackupOptions{}); return err },
				"list":   func() error { _, err := a.List(t.Context()); return err },
				"status": func() error { _, err := a.Status(t.Context(), archiver.StatusOptions{}); return err },
				"export": func() error {
					_, err := a.Export(t.Context(), filepath.Join(t.TempDir(), "native"), archiver.ExportOptions{})
					return err
				},
				"restore": func() error { _, err := a.Plan(t.Context(), archiver.Target{}); return err },
			} {
				err := run()
				mustFail(t, err, archiver.CodeDamagedArchive, "backup 3, the newest", key)
				var newest *archiver.NewestError
				if !errors.As(err, &newest) || newest.Seq != 3 || newest.Before != 2 {
					t.Errorf("%s: %#v", verb, newest)
				}
			}
			m.restoresTo(store, archiver.AtBackup(2), 2)
		})
	}
}

// Without archive.json, or with a damaged one, readers rely on the manifests, a
// verification reports it, and nobody writes.
func TestArchiveDocumentIsDamaged(t *testing.T) {
	for name, damage := range map[string]func(*storagetest.Memory){
		"empty": func(s *storagetest.Memory) { ruin(t, s, manifest.ArchiveKey, nil) },
		"cut":   func(s *storagetest.Memory) { ruin(t, s, manifest.ArchiveKey, s.Objects()[manifest.ArchiveKey][:20]) },
		"large": func(s *storagetest.Memory) {
			ruin(t, s, manifest.ArchiveKey, make([]byte, manifest.MaxManifestBytes+1))
		},
		"gone": func(s *storagetest.Memory) {
			if err := s.Delete(t.Context(), manifest.ArchiveKey); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := storagetest.NewMemory()
			m := newModel(t)
			for range 2 {
				m.commit(100)
				backup(t, store, m.path)
			}
			damage(store)
			before := store.Objects()
			m.restoresTo(store, archiver.Target{}, 2)
			a := newArchive(store)
			if list, err := a.List(t.Context()); err != nil || len(list.Backups) != 2 {
				t.Errorf("%+v, %v", list, err)
			}
			if r, err := a.Status(t.Context(), archiver.StatusOptions{}); err != nil || r.Backups != 2 {
				t.Errorf("%+v, %v", r, err)
			}
			if r, err := a.Verify(t.Context(), archiver.VerifyOptions{Deep: true}); err != nil || len(r.Findings) != 1 || r.Findings[0].Key != manifest.ArchiveKey {
				t.Errorf("%+v, %v", r, err)
			}
			m.commit(100)
			_, err := a.Backup(t.Context(), m.path, archiver.BackupOptions{})
			mustFail(t, err, archiver.CodeDamagedArchive, manifest.ArchiveKey)
			var document *archiver.DocumentError
			if !errors.As(err, &document) {
				t.Errorf("got %#v", err)
			}
			for key, b := range store.Objects() {
				if !bytes.Equal(before[key], b) && filepath.Dir(key) != "probe" {
					t.Errorf("%s was written", key)
				}
			}
		})
	}
}
