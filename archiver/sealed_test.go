package archiver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// owner is a recipient, and who has the identity that belongs to it.
type owner struct {
	recipient archiver.Recipient
	identity  []archiver.Identity
	asked     int // how often the identity was
}

func newOwner(t testing.TB) *owner {
	t.Helper()
	secret, recipient, err := archiver.NewIdentity(false)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := archiver.ParseIdentities([]byte(secret), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &owner{recipient: recipient, identity: identity}
}

func (o *owner) identities(context.Context) ([]archiver.Identity, error) {
	o.asked++
	return o.identity, nil
}

// reader opens an archive with the identity alone.
func (o *owner) reader(store storage.Storage) *archiver.Archive {
	return withKeys(store, archiver.Keys{Identities: o.identities})
}

// host has a writer key, once it has made an archive.
type host struct{ key *archiver.WriterKey }

func (h *host) keys() archiver.Keys {
	return archiver.Keys{
		WriterKey: func(string) (*archiver.WriterKey, error) { return h.key, nil },
		OnFirst:   func(key *archiver.WriterKey, _ []byte) error { h.key = key; return nil },
		OnChange:  func(key *archiver.WriterKey) { h.key = key },
	}
}

// archive opens an archive with the writer key, and no identity.
func (h *host) archive(store storage.Storage) *archiver.Archive { return withKeys(store, h.keys()) }

// begins opens an archive that is to be made for recipients.
func (h *host) begins(store storage.Storage, recipients ...archiver.Recipient) *archiver.Archive {
	k := h.keys()
	k.WriterKey, k.Recipients = nil, recipients
	return withKeys(store, k)
}

func withKeys(store storage.Storage, k archiver.Keys) *archiver.Archive {
	return archiver.New(store, archiver.Options{Host: "a-secret-host", Tool: "a-secret-tool", Keys: k}).On(disktest.Unsynced{})
}

func mustBackup(t testing.TB, a *archiver.Archive, path string) archiver.BackupReport {
	t.Helper()
	r, err := a.Backup(t.Context(), path, archiver.BackupOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sealedArchive is an encrypted archive with backups of all sizes: a full one, an increment in its
// manifest, one that is an object, and one with an index of its own.
func sealedArchive(t testing.TB) (m *model, store *storagetest.Memory, h *host, o *owner) {
	t.Helper()
	m, store, h, o = newModel(t), storagetest.NewMemory(), &host{}, newOwner(t)
	m.commit(100)
	mustBackup(t, h.begins(store, o.recipient), m.path)
	sealedIncrements(t, m, h.archive(store))
	return m, store, h, o
}

func sealedIncrements(t testing.TB, m *model, a *archiver.Archive) {
	t.Helper()
	m.commit(100)
	mustBackup(t, a, m.path)
	m.commit(manifest.MaxInlineBytes + 5000)
	mustBackup(t, a, m.path)
	for range 900 {
		m.commit(1)
	}
	mustBackup(t, a, m.path)
}

// A host with nothing but its writer key does everything but reading data, the owner of an
// identity does the rest, and neither is asked for more than that.
func TestSealed(t *testing.T) {
	t.Parallel()
	m, store, h, o := sealedArchive(t)
	a := h.archive(store)
	if list, err := a.List(t.Context()); err != nil || len(list.Backups) != 4 {
		t.Fatalf("%d backups, %v", len(list.Backups), err)
	}
	if v, err := a.Verify(t.Context(), archiver.VerifyOptions{}); err != nil || !v.OK() {
		t.Errorf("%v, %v", v.Findings, err)
	}
	to := t.TempDir()
	_, err := a.Restore(t.Context(), to+"/host.grafeo", archiver.RestoreOptions{})
	mustFail(t, err, archiver.CodeKeyMissing, o.recipient.String())
	if v, err := a.Verify(t.Context(), archiver.VerifyOptions{Deep: true}); err != nil || !v.OK() || !v.Unopened {
		t.Errorf("deep: %+v, %v", v, err)
	}
	_, err = newOwner(t).reader(store).Verify(t.Context(), archiver.VerifyOptions{Deep: true})
	mustFail(t, err, archiver.CodeKeyWrong, o.recipient.String())
	if _, err := o.reader(store).Restore(t.Context(), to+"/owner.grafeo", archiver.RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	if epoch, _, _ := opened(t, to+"/owner.grafeo"); epoch != m.epoch {
		t.Errorf("epoch %d instead of %d", epoch, m.epoch)
	}
	if v, err := o.reader(store).Verify(t.Context(), archiver.VerifyOptions{Deep: true}); err != nil || !v.OK() || v.Unopened {
		t.Errorf("deep: %v, %v", v.Findings, err)
	}
	if o.asked != 2 {
		t.Errorf("the identity was asked for %d times", o.asked)
	}
	objects := store.Objects()
	delete(objects, manifest.InstructionsKey) // whose text is the same everywhere
	for key, b := range objects {
		for _, secret := range []string{"a-secret", "test.grafeo", "incremental", "epoch", "created_at", "\x28\xb5\x2f\xfd"} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s has %q in the clear", key, secret)
			}
		}
		if isAge := bytes.HasPrefix(b, []byte("age-encryption.org/v1\n")); isAge != strings.HasSuffix(key, ".age") {
			t.Errorf("%s: an age file: %v", key, isAge)
		}
	}
}

// An encrypted archive takes the requests that one takes that is not.
func TestSealedRequests(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	requests := func(m *model, first, then, reader func(storage.Storage) *archiver.Archive) (all []storage.RequestCounts) {
		store := storagetest.NewMemory()
		m.commit(100)
		all = append(all, mustBackup(t, first(store), m.path).Requests)
		for _, n := range []int{100, manifest.MaxInlineBytes + 5000} {
			m.commit(n)
			all = append(all, mustBackup(t, then(store), m.path).Requests)
		}
		all = append(all, mustBackup(t, then(store), m.path).Requests) // nothing is new
		list, err := then(store).List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		v, err := then(store).Verify(t.Context(), archiver.VerifyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := reader(store).Restore(t.Context(), t.TempDir()+"/x.grafeo", archiver.RestoreOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return append(all, list.Requests, v.Requests, r.Requests)
	}
	plain := func(store storage.Storage) *archiver.Archive { return withKeys(store, archiver.Keys{}) }
	h := &host{}
	want := requests(newModel(t), plain, plain, plain)
	got := requests(newModel(t), func(s storage.Storage) *archiver.Archive { return h.begins(s, o.recipient) }, h.archive, o.reader)
	if !slices.Equal(got, want) {
		t.Errorf("%v\ninstead of %v", got, want)
	}
}

// Who has no key, or another one, is told whose it takes, and stores nothing.
func TestSealedForOthers(t *testing.T) {
	t.Parallel()
	m, store, _, o := sealedArchive(t)
	m.commit(100)
	before := len(store.Objects())
	stranger := newOwner(t)
	for name, c := range map[string]struct {
		keys archiver.Keys
		code archiver.Code
	}{
		"nothing":               {archiver.Keys{}, archiver.CodeKeyMissing},
		"another identity":      {archiver.Keys{Identities: stranger.identities}, archiver.CodeKeyWrong},
		"another recipient":     {archiver.Keys{Identities: o.identities, Recipients: []archiver.Recipient{stranger.recipient}}, archiver.CodeRecipients},
		"one recipient of more": {archiver.Keys{Identities: o.identities, Recipients: []archiver.Recipient{o.recipient, stranger.recipient}}, archiver.CodeRecipients},
	} {
		_, err := withKeys(store, c.keys).Backup(t.Context(), m.path, archiver.BackupOptions{})
		mustFail(t, err, c.code)
		if isKey := c.code == archiver.CodeKeyMissing || c.code == archiver.CodeKeyWrong; isKey && !strings.Contains(err.Error(), o.recipient.String()) {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(store.Objects()); n != before {
			t.Errorf("%s: %d objects, there were %d", name, n, before)
		}
		if strings.Contains(name, "recipient") {
			continue
		}
		_, err = withKeys(store, c.keys).List(t.Context())
		mustFail(t, err, c.code)
	}
	plain := storagetest.NewMemory()
	backup(t, plain, m.path)
	if _, err := (&host{}).begins(plain, o.recipient).Backup(t.Context(), m.path, archiver.BackupOptions{}); !isEncrypted {
		mustFail(t, err, archiver.CodeNotEncrypted)
	}
}

// Whatever is done to a document of an encrypted archive, by somebody without the keys, is found
// under its name.
func TestForgedSealedDocuments(t *testing.T) {
	t.Parallel()
	m, store, h, o := sealedArchive(t)
	other := storagetest.NewMemory()
	sealedIncrements(t, m, func() *archiver.Archive {
		rival := &host{}
		mustBackup(t, rival.begins(other, o.recipient), m.path)
		return rival.archive(other)
	}())
	second := manifest.Seq(2).Key()
	whole := store.Objects()
	for name, forged := range map[string]func() (key string, b []byte){
		"without encryption": func() (string, []byte) {
			b := (&manifest.Manifest{Seq: 2, ArchiveID: h.key.ArchiveID}).Encode()
			return second, b
		},
		"another backup":  func() (string, []byte) { return second, whole[manifest.Seq(3).Key()] },
		"another archive": func() (string, []byte) { return second, other.Objects()[second] },
		"the newest":      func() (string, []byte) { key := manifest.Seq(4).Key(); return key, other.Objects()[key] },
		"without a MAC":   func() (string, []byte) { return second, withoutMAC(whole[second]) },
		"another MAC":     func() (string, []byte) { return second, withMACOf(whole[second], whole[manifest.Seq(3).Key()]) },
		"another number":  func() (string, []byte) { return manifest.Seq(3).Key(), changed(t, whole[second], "seq", 3) },
		"another list":    func() (string, []byte) { return second, changed(t, whole[second], "keys", 1) },
		"another commit id": func() (string, []byte) {
			return second, changed(t, whole[second], "commit_id", strings.Repeat("ab", 16))
		},
		"a newer version": func() (string, []byte) { return second, changed(t, whole[second], "format", 2) },
		"one field more":  func() (string, []byte) { return second, changed(t, whole[second], "colour", "green") },
		"generation 2":    func() (string, []byte) { return second, changed(t, whole[second], "generation", 2) },
	} {
		key, b := forged()
		objects := store.Objects()
		objects[key] = b
		torn := refill(t, objects)
		v, err := h.archive(torn).Verify(t.Context(), archiver.VerifyOptions{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.ContainsFunc(v.Findings, func(f archiver.Finding) bool { return f.Key == key }) {
			t.Errorf("%s: %v", name, v.Findings)
		}
		if key == manifest.Seq(4).Key() {
			m.commit(1)
			_, err := h.archive(torn).Backup(t.Context(), m.path, archiver.BackupOptions{})
			mustFail(t, err, archiver.CodeDamagedArchive, key)
		}
	}
}

// archive.json that others have changed is damaged, and does not keep the backups from being read.
func TestForgedSealedArchive(t *testing.T) {
	t.Parallel()
	m, store, h, o := sealedArchive(t)
	m.commit(100)
	whole := store.Objects()[manifest.ArchiveKey]
	stranger := newOwner(t)
	for name, b := range map[string][]byte{
		"no document":   []byte("{}\n"),
		"without a MAC": withoutMAC(whole),
		"another recipient": changed(t, whole, "encryption", func(e any) any {
			keys := e.(map[string]any)["keys"].(map[string]any)
			keys["recipients"] = append(keys["recipients"].([]any), map[string]string{"recipient": stranger.recipient.String(), "kind": "x25519"})
			keys["wraps"] = append(keys["wraps"].([]any), "AAAA")
			return e
		}),
		"a newer version": changed(t, whole, "format", 2),
	} {
		objects := store.Objects()
		objects[manifest.ArchiveKey] = b
		torn := refill(t, objects)
		_, err := h.archive(torn).Backup(t.Context(), m.path, archiver.BackupOptions{})
		mustFail(t, err, archiver.CodeDamagedArchive, manifest.ArchiveKey)
		for reader, a := range map[string]*archiver.Archive{"the host": h.archive(torn), "the owner": o.reader(torn)} {
			if list, err := a.List(t.Context()); err != nil || len(list.Backups) != 4 {
				t.Errorf("%s: %s sees %d backups, %v", name, reader, len(list.Backups), err)
			}
		}
		if _, err := o.reader(torn).Restore(t.Context(), t.TempDir()+"/x.grafeo", archiver.RestoreOptions{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// withoutMAC returns a document as if it had none.
func withoutMAC(b []byte) []byte {
	return manifest.WithoutMAC(b[:bytes.IndexByte(b, '\n')+1])
}

// withMACOf returns a document with the MAC of another one.
func withMACOf(b, other []byte) []byte {
	i, j := bytes.Index(b, []byte(`"mac":`)), bytes.Index(other, []byte(`"mac":`))
	return append(bytes.Clone(b[:i]), other[j:]...)
}

// changed returns a stored document with another value of a field, or what to makes of it, and the
// MAC that it had.
func changed(t testing.TB, b []byte, field string, to any) []byte {
	t.Helper()
	line, last, _ := bytes.Cut(b, []byte("\n"))
	var fields map[string]any
	if err := json.Unmarshal(line, &fields); err != nil {
		t.Fatal(err)
	}
	if f, ok := to.(func(any) any); ok {
		to = f(fields[field])
	}
	fields[field] = to
	line, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	line = append(line, '\n')
	_, mac, _ := strings.Cut(string(last), `"mac":`)
	return append(line, `{"sha256":"`+manifest.Sum(line).String()+`","mac":`+mac...)
}
