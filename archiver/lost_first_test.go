package archiver_test

import (
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// newLostFirst returns an archive that one host has made, and the state folder of another whose first
// backup into the same address, for the same recipient, was killed before it stored anything.
func newLostFirst(t *testing.T) (s *trapScene, state string) {
	t.Helper()
	s, state = newTrapScene(t), t.TempDir()
	killed := storagetest.NewFaulty(storagetest.NewMemory(), func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpPut && key == manifest.ArchiveKey {
			return storagetest.Fault{Err: storage.ErrPermission}
		}
		return storagetest.Fault{}
	})
	a := known(killed, state, archiver.Keys{Recipients: []archiver.Recipient{s.o.recipient}})
	_, err := a.Backup(t.Context(), s.m.path, archiver.BackupOptions{NoHold: true})
	mustFail(t, err, archiver.CodePermission)
	return s, state
}

// A host whose first backup never came to be uses the encrypted archive of another host: with an
// identity, with its writer key, and with one that it makes from an identity.
func TestLostFirstBackupGivesWay(t *testing.T) {
	t.Parallel()
	owner := func(s *trapScene) archiver.Keys { return archiver.Keys{Identities: s.o.identities, Required: true} }
	for name, by := range map[string]func(t *testing.T, s *trapScene, state string){
		"restore": func(t *testing.T, s *trapScene, state string) {
			for _, required := range []bool{true, false} { // not so if somebody is asked for a passphrase
				a := known(s.store, state, archiver.Keys{Identities: s.o.identities, Required: required})
				if _, err := a.Restore(t.Context(), t.TempDir()+"/x.grafeo", archiver.RestoreOptions{}); err != nil {
					t.Error(err)
				}
			}
		},
		"backup with an identity": func(t *testing.T, s *trapScene, state string) {
			s.backup(t, known(s.store, state, owner(s)))
		},
		"backup with a writer key": func(t *testing.T, s *trapScene, state string) {
			s.backup(t, known(s.store, state, archiver.Keys{WriterKey: archiver.WriterKeyFile(s.keyFile(t), nil)}))
		},
		"keys writer": func(t *testing.T, s *trapScene, state string) {
			if _, err := known(s.store, state, owner(s)).MakeWriterKey(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			s.backup(t, known(s.store, state, archiver.Keys{Recipients: []archiver.Recipient{s.o.recipient}}))
			s.m.commit(10)
			s.backup(t, known(s.store, state, archiver.Keys{}))
			other := refill(t, s.other(t, s.o.recipient))
			_, err := known(other, state, archiver.Keys{}).List(t.Context())
			mustFail(t, err, archiver.CodeKeyWrong, "another archive")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, state := newLostFirst(t)
			by(t, s, state)
		})
	}
}

// Without a key to the archive of another host, that of the own first backup does not help; and
// nothing takes its place that is not encrypted.
func TestLostFirstBackupKeepsEncryption(t *testing.T) {
	t.Parallel()
	s, state := newLostFirst(t)
	for name, c := range map[string]struct {
		objects    map[string][]byte
		recipients []archiver.Recipient
		want       archiver.Code
	}{
		"no key":                {s.store.Objects(), []archiver.Recipient{s.o.recipient}, archiver.CodeKeyMissing},
		"plain":                 {s.other(t), nil, archiver.CodeNotEncrypted},
		"gone, and plain again": {nil, nil, archiver.CodeNotEncrypted},
	} {
		faulty := storagetest.NewFaulty(refill(t, c.objects), nil)
		a := known(faulty, state, archiver.Keys{Recipients: c.recipients})
		_, err := a.Backup(t.Context(), s.m.path, archiver.BackupOptions{NoHold: true})
		if archiver.CodeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
		mustPutNothing(t, faulty)
	}
}

// Whose archive.json comes second in a race of two first backups plans again, with the keys of the
// archive that is there, if it has an identity; otherwise it ends. Nothing of its own keys is left in it.
func TestFirstBackupLosesTheRace(t *testing.T) {
	t.Parallel()
	for _, hasIdentity := range []bool{true, false} {
		s, state := newTrapScene(t), t.TempDir()
		k := archiver.Keys{Recipients: []archiver.Recipient{s.o.recipient}}
		if hasIdentity {
			k.Identities, k.Required = s.o.identities, true
		}
		store := storagetest.NewMemory()
		isRival := true
		faulty := storagetest.NewFaulty(store, func(op storage.Op, key string, _ int) storagetest.Fault {
			if op == storage.OpPut && key == manifest.ArchiveKey && isRival {
				isRival = false
				s.backup(t, known(store, t.TempDir(), archiver.Keys{Recipients: k.Recipients}))
				s.m.commit(10)
			}
			return storagetest.Fault{}
		})
		_, err := known(faulty, state, k).Backup(t.Context(), s.m.path, archiver.BackupOptions{NoHold: true})
		if code := archiver.CodeOf(err); hasIdentity && err != nil || !hasIdentity && code != archiver.CodeKeyMissing {
			t.Errorf("with an identity: %t: %v", hasIdentity, err)
		}
		reader := known(store, state, archiver.Keys{Identities: s.o.identities, Required: true})
		if _, err := reader.Restore(t.Context(), t.TempDir()+"/x.grafeo", archiver.RestoreOptions{}); err != nil {
			t.Errorf("with an identity: %t: %v", hasIdentity, err)
		}
	}
}
