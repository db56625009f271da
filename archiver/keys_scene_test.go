package archiver_test

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// person is an owner whose secret the test knows, so that it can try by hand what that opens.
type person struct {
	*owner
	secret *age.X25519Identity
}

func newPerson(t testing.TB) *person {
	t.Helper()
	secret, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	p := &person{owner: &owner{}, secret: secret}
	if p.recipient, err = archiver.ParseRecipient(secret.Recipient().String()); err == nil {
		p.identity, err = archiver.ParseIdentities([]byte(secret.String()), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *person) name() string { return p.recipient.String() }

// changes changes who can open an archive, with the identity alone.
func (p *person) changes(t testing.TB, store storage.Storage, c archiver.KeyChange) archiver.KeyChangeReport {
	t.Helper()
	r, err := p.reader(store).ChangeKeys(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// restores demands that the identity alone restores the newest state.
func (p *person) restores(t testing.TB, store storage.Storage, m *model) {
	t.Helper()
	path := t.TempDir() + "/r.grafeo"
	if _, err := p.reader(store).Restore(t.Context(), path, archiver.RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
	if epoch, from, replayed := opened(t, path); epoch != m.epoch || !strings.HasPrefix(string(m.all[from:]), replayed) {
		t.Errorf("epoch %d instead of %d, or another history", epoch, m.epoch)
	}
}

// storedKeys is what a document has in the clear about keys.
type storedKeys struct {
	Encryption struct {
		Keys manifest.KeyList `json:"keys"`
	} `json:"encryption"`
	KeyList *manifest.KeyList `json:"key_list"`
	Sealed  []byte            `json:"sealed"`
}

func decrypt(sealed []byte, by []age.Identity) ([]byte, bool) {
	r, err := age.Decrypt(bytes.NewReader(sealed), by...)
	if err != nil {
		return nil, false
	}
	plain, err := io.ReadAll(r)
	return plain, err == nil
}

// reach returns all secrets that somebody gets from an archive with his own: by wraps, old ones
// as well, and by what hosts are handed.
func reach(t testing.TB, secret age.Identity, objects map[string][]byte) []age.Identity {
	t.Helper()
	known, seen := []age.Identity{secret}, map[string]bool{}
	for n := 0; n != len(known); {
		n = len(known)
		for key, b := range objects {
			if key != manifest.ArchiveKey && !strings.HasPrefix(key, manifest.ManifestPrefix) {
				continue
			}
			d := parsed(t, key, b)
			for _, l := range []*manifest.KeyList{&d.Encryption.Keys, d.KeyList} {
				if l == nil {
					continue
				}
				sealed := slices.Clone(l.Wraps)
				for _, g := range l.Generations {
					sealed = append(sealed, g.Handover)
				}
				for _, s := range sealed {
					file, ok := decrypt(s, known)
					if !ok || seen[string(file)] {
						continue
					}
					seen[string(file)] = true
					more, err := age.ParseIdentities(bytes.NewReader(file))
					if err != nil {
						t.Fatal(err)
					}
					known = append(known, more...)
				}
			}
		}
	}
	return known
}

func parsed(t testing.TB, key string, b []byte) (d storedKeys) {
	t.Helper()
	if err := json.Unmarshal(b[:bytes.IndexByte(b, '\n')], &d); err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return d
}

// opensOf returns the objects of an archive with data that somebody opens, apart from those that
// were there before, and those of which he can read the list.
func (p *person) opensOf(t testing.TB, objects, before map[string][]byte) (data, lists []string) {
	t.Helper()
	known := reach(t, p.secret, objects)
	for key, b := range objects {
		switch {
		case before[key] != nil:
		case strings.HasPrefix(key, manifest.SegmentPrefix):
			if _, ok := decrypt(b, known); ok {
				data = append(data, key)
			}
		case strings.HasPrefix(key, manifest.ManifestPrefix):
			document, ok := decrypt(parsed(t, key, b).Sealed, known)
			if !ok {
				continue
			}
			lists = append(lists, key)
			m, err := manifest.DecodeManifest(document)
			if err != nil {
				t.Fatal(err)
			}
			if m.Content != nil && slices.ContainsFunc(m.Content.Segments, func(s manifest.Segment) bool {
				_, ok := decrypt([]byte(s.Data), known)
				return ok
			}) {
				data = append(data, key)
			}
		}
	}
	return data, lists
}

// family is an archive of Ada and Bob, to which a host backs up.
func family(t testing.TB) (m *model, store *storagetest.Memory, h *host, ada, bob *person) {
	t.Helper()
	m, store, h, ada, bob = newModel(t), storagetest.NewMemory(), &host{}, newPerson(t), newPerson(t)
	m.commit(100)
	mustBackup(t, h.begins(store, ada.recipient, bob.recipient), m.path)
	return m, store, h, ada, bob
}

// duringCommit calls do once, at the first put of a manifest that comes through the store.
func duringCommit(store storage.Storage, do func()) storage.Storage {
	return storagetest.NewFaulty(store, func(op storage.Op, key string, _ int) storagetest.Fault {
		if now := do; now != nil && op == storage.OpPut && strings.HasPrefix(key, manifest.ManifestPrefix) {
			do = nil
			now()
		}
		return storagetest.Fault{}
	})
}
