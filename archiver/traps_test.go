package archiver_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// trapScene is an encrypted archive, the host that has made it, and a database with something new.
type trapScene struct {
	m     *model
	store *storagetest.Memory
	o     *owner
	state string
}

// known opens an archive at the address of the scene.
func known(store storage.Storage, state string, k archiver.Keys) *archiver.Archive {
	return archiver.New(store, archiver.Options{Name: "s3://bucket/people", State: state, Host: "test", Tool: "test", Keys: k}).On(disktest.Unsynced{})
}

func newTrapScene(t *testing.T) *trapScene {
	t.Helper()
	s := &trapScene{newModel(t), storagetest.NewMemory(), newOwner(t), t.TempDir()}
	s.m.commit(100)
	s.backup(t, known(s.store, s.state, archiver.Keys{Recipients: []archiver.Recipient{s.o.recipient}}))
	s.m.commit(100)
	s.backup(t, known(s.store, s.state, archiver.Keys{}))
	s.m.commit(100)
	return s
}

func (s *trapScene) backup(t *testing.T, a *archiver.Archive) {
	t.Helper()
	if _, err := a.Backup(t.Context(), s.m.path, archiver.BackupOptions{NoHold: true}); err != nil {
		t.Fatal(err)
	}
}

// other returns the objects of another archive of the database, for recipients or plain.
func (s *trapScene) other(t *testing.T, recipients ...archiver.Recipient) map[string][]byte {
	t.Helper()
	store := storagetest.NewMemory()
	s.backup(t, known(store, t.TempDir(), archiver.Keys{Recipients: recipients}))
	return store.Objects()
}

// stripped returns the objects of a plain archive that says that it is the encrypted one.
func (s *trapScene) stripped(t *testing.T) map[string][]byte {
	t.Helper()
	objects := s.other(t)
	var clear struct {
		ArchiveID string `json:"archive_id"`
	}
	line, _, _ := strings.Cut(string(s.store.Objects()[manifest.ArchiveKey]), "\n")
	if err := json.Unmarshal([]byte(line), &clear); err != nil {
		t.Fatal(err)
	}
	a, err := manifest.DecodeArchive(objects[manifest.ArchiveKey])
	if err != nil {
		t.Fatal(err)
	}
	a.ArchiveID = clear.ArchiveID
	objects[manifest.ArchiveKey] = a.Encode()
	return objects
}

// strippedDocument returns the objects of the encrypted archive, of which only archive.json says that it is a plain one.
func (s *trapScene) strippedDocument(t *testing.T) map[string][]byte {
	t.Helper()
	objects := maps.Clone(s.store.Objects())
	objects[manifest.ArchiveKey] = s.stripped(t)[manifest.ArchiveKey]
	return objects
}

// keyFile returns the path of the writer key that the host has.
func (s *trapScene) keyFile(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.state, "keys", "*.key"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	return files[0]
}

// Whatever somebody puts in the place of an encrypted archive, a run that knows better, by any
// means, ends before anything is put; what it does not know, it cannot find out.
func TestTraps(t *testing.T) {
	t.Parallel()
	s := newTrapScene(t)
	stranger := newOwner(t)
	whole := s.store.Objects()
	who := map[string]struct {
		keys  archiver.Keys
		state string // "" for a host that knows nothing
	}{
		"state":      {archiver.Keys{}, s.state},
		"writer key": {archiver.Keys{WriterKey: archiver.WriterKeyFile(s.keyFile(t), nil)}, ""},
		"recipients": {archiver.Keys{Recipients: []archiver.Recipient{s.o.recipient}}, ""},
		"identity":   {archiver.Keys{Identities: s.o.identities, Required: true}, ""},
		"nothing":    {archiver.Keys{}, ""},
	}
	const ok = archiver.Code("")
	for name, c := range map[string]struct {
		objects map[string][]byte
		want    map[string]archiver.Code // by who
	}{
		"as it was": {whole, map[string]archiver.Code{
			"state": ok, "writer key": ok, "recipients": archiver.CodeKeyMissing, "identity": ok, "nothing": archiver.CodeKeyMissing,
		}},
		"plain": {s.other(t), map[string]archiver.Code{
			"state": archiver.CodeNotEncrypted, "writer key": archiver.CodeNotEncrypted, "recipients": archiver.CodeNotEncrypted,
			"identity": archiver.CodeNotEncrypted, "nothing": ok,
		}},
		"stripped": {s.stripped(t), map[string]archiver.Code{
			"state": archiver.CodeNotEncrypted, "writer key": archiver.CodeNotEncrypted, "recipients": archiver.CodeNotEncrypted,
			"identity": archiver.CodeNotEncrypted,
		}},
		"of which archive.json is stripped": {s.strippedDocument(t), map[string]archiver.Code{
			"state": archiver.CodeNotEncrypted, "writer key": archiver.CodeNotEncrypted, "recipients": archiver.CodeNotEncrypted,
			"identity": archiver.CodeNotEncrypted, "nothing": archiver.CodeDamagedArchive,
		}},
		"for somebody else": {s.other(t, stranger.recipient), map[string]archiver.Code{
			"state": archiver.CodeKeyWrong, "writer key": archiver.CodeKeyWrong, "recipients": archiver.CodeKeyMissing,
			"identity": archiver.CodeKeyWrong, "nothing": archiver.CodeKeyMissing,
		}},
		"another one for the same": {s.other(t, s.o.recipient), map[string]archiver.Code{
			"state": archiver.CodeKeyWrong, "writer key": archiver.CodeKeyWrong, "recipients": archiver.CodeKeyMissing, "nothing": archiver.CodeKeyMissing,
		}},
		"emptied": {nil, map[string]archiver.Code{
			"state": archiver.CodeVanished, "writer key": archiver.CodeKeyWrong, "recipients": ok, "identity": archiver.CodeNotEncrypted, "nothing": ok,
		}},
		"rolled back": {without(whole, "manifests/0000000002"), map[string]archiver.Code{
			"state": archiver.CodeDamagedArchive, "recipients": archiver.CodeKeyMissing, "nothing": archiver.CodeKeyMissing,
		}},
		"without backups": {without(whole, "manifests/"), map[string]archiver.Code{
			"state": archiver.CodeDamagedArchive, "recipients": archiver.CodeKeyMissing, "nothing": archiver.CodeKeyMissing,
		}},
	} {
		for by, want := range c.want {
			t.Run(name+" by "+by, func(t *testing.T) {
				t.Parallel()
				w := who[by]
				state := t.TempDir()
				if w.state != "" {
					if err := os.CopyFS(state, os.DirFS(w.state)); err != nil {
						t.Fatal(err)
					}
				}
				faulty := storagetest.NewFaulty(refill(t, c.objects), nil)
				_, err := known(faulty, state, w.keys).Backup(t.Context(), s.m.path, archiver.BackupOptions{NoHold: true})
				if archiver.CodeOf(err) != want {
					t.Fatalf("%v has the code %q, want %q", err, archiver.CodeOf(err), want)
				}
				if want != ok {
					mustPutNothing(t, faulty)
				}
			})
		}
	}
}

func mustPutNothing(t *testing.T, faulty *storagetest.Faulty) {
	t.Helper()
	for _, call := range faulty.Calls() {
		if call.Op == storage.OpPut || call.Op == storage.OpDelete {
			t.Errorf("%s of %s", call.Op, call.Key)
		}
	}
}

// Other verbs that write, and those that read, end just so.
func TestTrapsOfOtherVerbs(t *testing.T) {
	t.Parallel()
	s := newTrapScene(t)
	for name, objects := range map[string]map[string][]byte{
		"plain": s.other(t), "stripped": s.stripped(t), "of which archive.json is stripped": s.strippedDocument(t),
	} {
		faulty := storagetest.NewFaulty(refill(t, objects), nil)
		a := known(faulty, s.state, archiver.Keys{})
		b := known(faulty, t.TempDir(), archiver.Keys{Identities: s.o.identities, Required: true})
		for verb, run := range map[string]func(a *archiver.Archive) error{
			"list": func(a *archiver.Archive) error { _, err := a.List(t.Context()); return err },
			"restore": func(a *archiver.Archive) error {
				_, err := a.Restore(t.Context(), t.TempDir()+"/x", archiver.RestoreOptions{})
				return err
			},
			"pin": func(a *archiver.Archive) error { _, err := a.Pin(t.Context(), 1, "a label"); return err },
			"compact": func(a *archiver.Archive) error {
				_, err := a.Compact(t.Context(), archiver.CompactOptions{})
				return err
			},
			"status": func(a *archiver.Archive) error { _, err := a.Status(t.Context(), archiver.StatusOptions{}); return err },
			"verify": func(a *archiver.Archive) error { _, err := a.Verify(t.Context(), archiver.VerifyOptions{}); return err },
		} {
			for _, by := range []*archiver.Archive{a, b} {
				if err := run(by); archiver.CodeOf(err) != archiver.CodeNotEncrypted {
					t.Errorf("%s, %s: %v", name, verb, err)
				}
			}
		}
		mustPutNothing(t, faulty)
	}
}

// Who begins anew does so with recipients, and never without encryption where it was.
func TestBeginAnewAfterEncryption(t *testing.T) {
	t.Parallel()
	s := newTrapScene(t)
	anew := func(objects map[string][]byte, k archiver.Keys) (*storagetest.Faulty, error) {
		faulty := storagetest.NewFaulty(refill(t, objects), nil)
		_, err := known(faulty, s.state, k).Backup(t.Context(), s.m.path, archiver.BackupOptions{NoHold: true, BeginAnew: true})
		return faulty, err
	}
	for name, objects := range map[string]map[string][]byte{"emptied": nil, "plain": s.other(t)} {
		faulty, err := anew(objects, archiver.Keys{})
		mustFail(t, err, archiver.CodeNotEncrypted, filepath.Join(s.state, "archives"))
		mustPutNothing(t, faulty)
		t.Log(name, err)
	}
	for key := range s.store.Objects() {
		if strings.HasPrefix(key, "manifests/0000000002") {
			if _, err := anew(without(s.store.Objects(), key), archiver.Keys{}); err != nil {
				t.Errorf("rolled back: %v", err)
			}
		}
	}
	faulty, err := anew(nil, archiver.Keys{Recipients: []archiver.Recipient{s.o.recipient}})
	if err != nil {
		t.Fatal(err)
	}
	s.backup(t, known(faulty, s.state, archiver.Keys{}))
	if _, err := s.o.reader(faulty).Restore(t.Context(), t.TempDir()+"/x.grafeo", archiver.RestoreOptions{}); err != nil {
		t.Error(err)
	}
}

// An archive is encrypted for exactly those who are given, as long as they are.
func TestRecipientsDiffer(t *testing.T) {
	t.Parallel()
	s := newTrapScene(t)
	stranger := newOwner(t)
	secret, err := archiver.PassphraseRecipient("a passphrase")
	if err != nil {
		t.Fatal(err)
	}
	for name, given := range map[string][]archiver.Recipient{
		"one more": {s.o.recipient, stranger.recipient}, "another": {stranger.recipient}, "a passphrase, too": {s.o.recipient, secret},
	} {
		faulty := storagetest.NewFaulty(refill(t, s.store.Objects()), nil)
		_, err := known(faulty, s.state, archiver.Keys{Recipients: given}).Backup(t.Context(), s.m.path, archiver.BackupOptions{NoHold: true})
		mustFail(t, err, archiver.CodeRecipients)
		mustPutNothing(t, faulty)
		t.Log(name, err)
	}
	s.backup(t, known(s.store, s.state, archiver.Keys{Recipients: []archiver.Recipient{s.o.recipient, s.o.recipient}}))
}

// If nothing sealed what is stored, whatever the bug, the guard lets none of it out.
func TestGuardWithoutSealer(t *testing.T) {
	t.Parallel()
	s := newTrapScene(t)
	faulty := storagetest.NewFaulty(storagetest.NewMemory(), nil)
	a := known(faulty, t.TempDir(), archiver.Keys{Recipients: []archiver.Recipient{s.o.recipient}}).Unsealed()
	_, err := a.Backup(t.Context(), s.m.path, archiver.BackupOptions{NoHold: true})
	mustFail(t, err, archiver.CodeFailed, "plain text")
	for _, call := range faulty.Calls() {
		if call.Op == storage.OpPut && !strings.HasPrefix(call.Key, manifest.ProbePrefix) {
			t.Errorf("%s of %s", call.Op, call.Key)
		}
	}
}
