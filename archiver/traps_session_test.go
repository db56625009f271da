package archiver_test

import (
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
