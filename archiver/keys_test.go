package archiver_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Who is added opens everything, also what was stored before; who is removed opens nothing that
// is stored after, whatever he has kept; and the host goes on by itself.
func TestRecipientsComeAndGo(t *testing.T) {
	t.Parallel()
	m, store, h, ada, bob := family(t)
	eve := newPerson(t)
	sealedIncrements(t, m, h.archive(store))
	if _, err := eve.reader(store).List(t.Context()); archiver.CodeOf(err) != archiver.CodeKeyWrong {
		t.Errorf("a stranger: %v", err)
	}
	added := ada.changes(t, store, archiver.KeyChange{Add: []archiver.Recipient{eve.recipient}})
	if added.Record != 5 || len(added.Keys.Recipients) != 3 || len(added.Keys.Generations) != 1 {
		t.Errorf("%+v", added)
	}
	eve.restores(t, store, m)

	before := store.Objects()
	removed := eve.changes(t, store, archiver.KeyChange{Remove: []string{bob.name()}})
	if removed.Record != 6 || len(removed.Keys.Recipients) != 2 || removed.Keys.Generations[1].From != 7 {
		t.Errorf("%+v", removed)
	}
	sealedIncrements(t, m, h.archive(store))
	m.checkpoint(0)
	m.commit(100)
	if r, err := h.archive(store).Backup(t.Context(), m.path, archiver.BackupOptions{Full: true, Fresh: true}); err != nil || r.Backup.Kind != archiver.KindFull {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, p := range []*person{ada, eve} {
		p.restores(t, store, m)
		if data, _ := p.opensOf(t, store.Objects(), before); len(data) < 4 {
			t.Errorf("of what came after, by hand only %v opens", data)
		}
	}
	if data, _ := bob.opensOf(t, store.Objects(), before); data != nil {
		t.Errorf("who was removed opens %v", data)
	}
	if data, _ := bob.opensOf(t, store.Objects(), nil); len(data) < 3 {
		t.Errorf("of what came before, who was removed opens only %v", data)
	}
	_, err := bob.reader(store).Restore(t.Context(), t.TempDir()+"/r.grafeo", archiver.RestoreOptions{})
	mustFail(t, err, archiver.CodeKeyWrong, ada.name())
	if v, err := ada.reader(store).Verify(t.Context(), archiver.VerifyOptions{Deep: true}); err != nil || !v.OK() {
		t.Errorf("%+v, %v", v.Findings, err)
	}
}

// Revoked hosts cannot back up, nor read the list of what comes, and nothing is put; with a writer
// key that is made again they can.
func TestRevokedHosts(t *testing.T) {
	t.Parallel()
	m, store, h, ada, bob := family(t)
	before := store.Objects()
	r := ada.changes(t, store, archiver.KeyChange{Remove: []string{bob.name()}, RevokeHosts: true})
	if !r.Keys.Generations[1].Revoked {
		t.Errorf("%+v", r.Keys)
	}
	m.commit(100)
	after := len(store.Objects())
	_, err := h.archive(store).Backup(t.Context(), m.path, archiver.BackupOptions{})
	if code := archiver.CodeOf(err); code != archiver.CodeKeyWrong && code != archiver.CodeKeyMissing || len(store.Objects()) != after {
		t.Fatalf("%v, and %d objects more", err, len(store.Objects())-after)
	}
	made, err := ada.reader(store).MakeWriterKey(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	stolen := h.key
	if h.key, err = archiver.ParseWriterKey(made.Key.Encode()); err != nil {
		t.Fatal(err)
	}
	mustBackup(t, h.archive(store), m.path)
	ada.restores(t, store, m)
	if _, err := (&host{key: stolen}).archive(store).List(t.Context()); archiver.CodeOf(err) != archiver.CodeKeyWrong {
		t.Errorf("with the stolen key: %v", err)
	}
	objects := store.Objects()
	delete(objects, manifest.Seq(2).Key()) // the record itself, which old keys open
	if data, lists := bob.opensOf(t, objects, before); data != nil || lists != nil {
		t.Errorf("who was removed opens %v, and the lists %v", data, lists)
	}
}

// What is stored by a backup that loses to a removal is not for who was removed, either: all of it
// is encrypted again.
func TestRemovalBesideBackups(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bytes   int
		opts    archiver.BackupOptions
		session bool
	}{
		"small":      {bytes: 100},
		"large":      {bytes: manifest.MaxInlineBytes + 5000},
		"full":       {bytes: 100, opts: archiver.BackupOptions{Full: true, Fresh: true}},
		"a session":  {bytes: 100, session: true},
		"its larger": {bytes: manifest.MaxInlineBytes + 5000, session: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, store, h, ada, bob := family(t)
			before := store.Objects()
			through := duringCommit(store, func() { ada.changes(t, store, archiver.KeyChange{Remove: []string{bob.name()}}) })
			back := func(through storage.Storage) error {
				_, err := h.archive(through).Backup(t.Context(), m.path, c.opts)
				return err
			}
			if c.session {
				one := &switched{Storage: store}
				s := h.archive(one).Session(m.path, archiver.SessionOptions{Backup: c.opts})
				defer s.Close(t.Context()) //nolint:errcheck // it has done its work
				back = func(through storage.Storage) error {
					one.Storage = through
					_, err := s.Backup(t.Context(), archiver.SessionBackup{NoFull: true})
					return err
				}
				m.commit(10)
				if err := back(store); err != nil {
					t.Fatal(err)
				}
				before = store.Objects()
			}
			m.commit(c.bytes)
			if err := back(through); err != nil {
				t.Fatal(err)
			}
			m.commit(100)
			if err := back(store); err != nil {
				t.Fatal(err)
			}
			if data, _ := bob.opensOf(t, namedIn(t, ada, store), before); data != nil {
				t.Errorf("who was removed opens %v", data)
			}
			ada.restores(t, store, m)
			if len(h.key.Generations) != 2 {
				t.Errorf("the host has the keys of %d generations", len(h.key.Generations))
			}
		})
	}
}

// Nor is the image that was being prepared for a full backup while somebody was removed.
func TestRemovalBesidePrepare(t *testing.T) {
	t.Parallel()
	m, store, h, ada, bob := largeModel(t, 10), storagetest.NewMemory(), &host{}, newPerson(t), newPerson(t)
	m.commit(100)
	mustBackup(t, h.begins(store, ada.recipient, bob.recipient), m.path)
	m.paged.append(1000)
	m.checkpointHeld()
	before := store.Objects()
	isRemoved := false
	through := &switched{storagetest.NewFaulty(store, func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpPut && segmentKey(key) && !isRemoved {
			isRemoved = true
			ada.changes(t, store, archiver.KeyChange{Remove: []string{bob.name()}})
		}
		return storagetest.Fault{}
	})}
	s := h.archive(through).Session(m.path, archiver.SessionOptions{})
	defer s.Close(t.Context()) //nolint:errcheck // it has done its work
	if err := s.Prepare(t.Context()); err != nil || !isRemoved {
		t.Fatalf("%v, and somebody was removed: %t", err, isRemoved)
	}
	through.Storage = store
	if _, err := s.Backup(t.Context(), archiver.SessionBackup{Full: true}); err != nil {
		t.Fatal(err)
	}
	objects := namedIn(t, ada, store)
	if data, _ := ada.opensOf(t, objects, before); data == nil {
		t.Fatal("the backup names nothing new: that shows nothing")
	}
	if data, _ := bob.opensOf(t, objects, before); data != nil {
		t.Errorf("who was removed opens %v", data)
	}
	ada.restores(t, store, m)
}

// switched is a store that becomes another one.
type switched struct{ storage.Storage }

// namedIn returns the objects of an archive without the segments that no backup names.
func namedIn(t testing.TB, p *person, store *storagetest.Memory) map[string][]byte {
	t.Helper()
	objects, known := store.Objects(), reach(t, p.secret, store.Objects())
	isNamed := map[string]bool{}
	for key, b := range objects {
		document, ok := []byte(nil), false
		if strings.HasPrefix(key, manifest.ManifestPrefix) {
			document, ok = decrypt(parsed(t, key, b).Sealed, known)
		}
		if !ok {
			continue
		}
		m, err := manifest.DecodeManifest(document)
		if err != nil {
			t.Fatal(err)
		}
		if m.Content != nil {
			for _, s := range m.Content.Segments {
				isNamed[s.Key] = true
			}
		}
	}
	for key := range objects {
		if strings.HasPrefix(key, manifest.SegmentPrefix) && !isNamed[key] {
			delete(objects, key)
		}
	}
	return objects
}

// What cannot be done is refused before anything is stored, and what is so already takes no record.
func TestKeyChangesRefused(t *testing.T) {
	t.Parallel()
	_, store, h, ada, bob := family(t)
	before := len(store.Objects())
	by := func(a *archiver.Archive, c archiver.KeyChange) error {
		_, err := a.ChangeKeys(t.Context(), c)
		return err
	}
	for name, c := range map[string]struct {
		err  error
		want archiver.Code
	}{
		"without an identity": {by(h.archive(store), archiver.KeyChange{Rotate: true}), archiver.CodeKeyMissing},
		"with a stranger's":   {by(newPerson(t).reader(store), archiver.KeyChange{Rotate: true}), archiver.CodeKeyWrong},
		"everybody":           {by(ada.reader(store), archiver.KeyChange{Remove: []string{ada.name(), bob.name()}}), archiver.CodeRecipientNeeded},
		"oneself":             {by(ada.reader(store), archiver.KeyChange{Remove: []string{ada.name()}}), archiver.CodeRecipientNeeded},
		"a stranger":          {by(ada.reader(store), archiver.KeyChange{Remove: []string{newPerson(t).name()}}), archiver.CodeRecipients},
		"no archive":          {by(ada.reader(storagetest.NewMemory()), archiver.KeyChange{Rotate: true}), archiver.CodeNoArchive},
	} {
		if archiver.CodeOf(c.err) != c.want {
			t.Errorf("%s: %v", name, c.err)
		}
	}
	if r := ada.changes(t, store, archiver.KeyChange{Add: []archiver.Recipient{bob.recipient}}); r.Record != 0 {
		t.Errorf("%+v", r)
	}
	if len(store.Objects()) != before {
		t.Errorf("%d objects more", len(store.Objects())-before)
	}

	plain, m := storagetest.NewMemory(), newModel(t)
	mustBackup(t, withKeys(plain, archiver.Keys{}), m.path)
	if _, err := withKeys(plain, archiver.Keys{}).ChangeKeys(t.Context(), archiver.KeyChange{Rotate: true}); !errors.Is(err, archiver.ErrNotEncrypted) {
		t.Errorf("not encrypted: %v", err)
	}
}

// Anybody sees who can open an archive; who has a key sees that it is right.
func TestListKeys(t *testing.T) {
	t.Parallel()
	m, store, h, ada, bob := family(t)
	for range 2 {
		for name, a := range map[string]*archiver.Archive{"a stranger": withKeys(store, archiver.Keys{}), "the host": h.archive(store), "bob": bob.reader(store)} {
			r, err := a.ListKeys(t.Context())
			if err != nil || r.Keys == nil || len(r.Keys.Recipients) != 2 || r.Proved != (name != "a stranger") {
				t.Errorf("%s: %+v, %v", name, r, err)
			}
		}
		ada.changes(t, store, archiver.KeyChange{Rotate: true})
		mustBackup(t, h.archive(store), m.path)
		m.commit(100)
		mustBackup(t, h.archive(store), m.path)
	}
	r, err := withKeys(store, archiver.Keys{}).ListKeys(t.Context())
	if err != nil || r.Keys.Record != 4 || len(r.Keys.Generations) != 3 {
		t.Errorf("%+v, %v", r.Keys, err)
	}
	plain := storagetest.NewMemory()
	mustBackup(t, withKeys(plain, archiver.Keys{}), m.path)
	if r, err := withKeys(plain, archiver.Keys{}).ListKeys(t.Context()); err != nil || r.Keys != nil {
		t.Errorf("%+v, %v", r, err)
	}
}

// A check opens the archive with the identity alone, whatever else this host has, and finds what
// does not open.
func TestCheckKeys(t *testing.T) {
	t.Parallel()
	m, store, h, ada, bob := family(t)
	ada.changes(t, store, archiver.KeyChange{Rotate: true})
	m.commit(manifest.MaxInlineBytes + 5000)
	last := mustBackup(t, h.archive(store), m.path)
	k := h.keys()
	k.Identities = bob.identities
	r, err := withKeys(store, k).CheckKeys(t.Context())
	if err != nil || r.Backup != last.Backup.Seq || r.Bytes == 0 || !strings.HasPrefix(r.Object, manifest.SegmentPrefix) || len(r.Keys.Generations) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := h.archive(store).CheckKeys(t.Context()); archiver.CodeOf(err) != archiver.CodeKeyMissing {
		t.Errorf("the writer key: %v", err)
	}
	k.Identities = newPerson(t).identities
	if _, err := withKeys(store, k).CheckKeys(t.Context()); archiver.CodeOf(err) != archiver.CodeKeyWrong {
		t.Errorf("a stranger: %v", err)
	}
	ada.changes(t, store, archiver.KeyChange{Remove: []string{bob.name()}})
	k.Identities = bob.identities
	if _, err := withKeys(store, k).CheckKeys(t.Context()); archiver.CodeOf(err) != archiver.CodeKeyWrong {
		t.Errorf("who was removed: %v", err)
	}
	objects := store.Objects()
	b := slices.Clone(objects[r.Object])
	b[len(b)-1] ^= 1
	if err := store.Delete(t.Context(), r.Object); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(t.Context(), r.Object, bytes.NewReader(b), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := ada.reader(store).CheckKeys(t.Context()); archiver.CodeOf(err) != archiver.CodeDamagedArchive {
		t.Errorf("damaged: %v", err)
	}
}
