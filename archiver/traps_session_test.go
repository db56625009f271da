package archiver_test

import (
	"context"
	"os"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// swapped is a store in whose place another one is put.
type swapped struct{ storage.Storage }

// An archive that is replaced under a session is noticed by its next backup, which sends nothing
// that is not encrypted, also if this host keeps nothing.
func TestSessionTraps(t *testing.T) {
	t.Parallel()
	for _, hasState := range []bool{true, false} {
		s := newTrapScene(t)
		for name, c := range map[string]struct {
			objects map[string][]byte
			want    archiver.Code
		}{
			"plain":             {s.other(t), archiver.CodeNotEncrypted},
			"stripped":          {s.stripped(t), archiver.CodeNotEncrypted},
			"for somebody else": {s.other(t, newOwner(t).recipient), archiver.CodeKeyWrong},
			"rolled back":       {without(s.store.Objects(), "manifests/0000000002"), archiver.CodeDamagedArchive},
		} {
			now := &swapped{refill(t, s.store.Objects())}
			state := t.TempDir()
			if err := os.CopyFS(state, os.DirFS(s.state)); err != nil {
				t.Fatal(err)
			}
			a := known(now, state, archiver.Keys{})
			if !hasState {
				a = known(now, "", archiver.Keys{WriterKey: archiver.WriterKeyFile(s.keyFile(t), nil)})
			}
			session := a.Session(s.m.path, archiver.SessionOptions{Backup: archiver.BackupOptions{NoHold: true}})
			for range 2 {
				s.m.commit(100)
				if _, err := session.Backup(t.Context(), archiver.SessionBackup{NoHold: true}); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			s.m.commit(100)
			faulty := storagetest.NewFaulty(refill(t, c.objects), nil)
			now.Storage = faulty
			for range 2 { // and stays so
				_, err := session.Backup(t.Context(), archiver.SessionBackup{NoHold: true})
				if archiver.CodeOf(err) != c.want {
					t.Errorf("%s, state %t: %v has the code %q, want %q", name, hasState, err, archiver.CodeOf(err), c.want)
				}
			}
			mustPutNothing(t, faulty)
		}
	}
}

// A session whose host was revoked goes on once that has a new writer key, and keeps it.
func TestSessionGoesOnWithANewWriterKey(t *testing.T) {
	t.Parallel()
	s := newTrapScene(t)
	session := known(s.store, s.state, archiver.Keys{}).Session(s.m.path, archiver.SessionOptions{Backup: archiver.BackupOptions{NoHold: true}})
	backup := func() error {
		s.m.commit(100)
		_, err := session.Backup(t.Context(), archiver.SessionBackup{NoHold: true})
		return err
	}
	if err := backup(); err != nil {
		t.Fatal(err)
	}
	identities := archiver.Keys{Identities: func(context.Context) ([]archiver.Identity, error) { return s.o.identity, nil }}
	for _, isNoticed := range []bool{true, false} { // before the new key is there
		if _, err := known(s.store, t.TempDir(), identities).ChangeKeys(t.Context(), archiver.KeyChange{Rotate: true, RevokeHosts: true}); err != nil {
			t.Fatal(err)
		}
		if isNoticed {
			if err := backup(); archiver.CodeOf(err) != archiver.CodeKeyWrong {
				t.Errorf("revoked: %v", err)
			}
		}
		if _, err := known(s.store, s.state, identities).MakeWriterKey(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		if err := backup(); err != nil {
			t.Errorf("with a new key: %v", err)
		}
		s.backup(t, known(s.store, s.state, archiver.Keys{}))
	}
}
