package seal

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

const archiveID = "00112233445566778899aabbccddeeff"

// person is somebody with an identity.
type person struct {
	recipient Recipient
	identity  Identity
}

func newPerson(t *testing.T, isHybrid bool) person {
	t.Helper()
	secret, recipient, err := NewIdentity(isHybrid)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := ParseIdentities([]byte("# made for a test\n"+secret+"\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return person{recipient, ids[0]}
}

// withPassphrase returns somebody with a passphrase that costs little to try.
func withPassphrase(t *testing.T, passphrase string) person {
	t.Helper()
	recipient, err := PassphraseRecipient(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	recipient.age.(*age.ScryptRecipient).SetWorkFactor(10)
	identity, err := PassphraseIdentity(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	return person{recipient, identity}
}

func (p person) identities(context.Context) ([]Identity, error) { return []Identity{p.identity}, nil }

// archive is the documents of an encrypted archive, and the ring that has made it.
type archive struct {
	writer *Ring
	first  Announced // archive.json
}

func newArchive(t *testing.T, given Given) *archive {
	t.Helper()
	r := NewRing(given)
	list, err := r.Begin(archiveID)
	if err != nil {
		t.Fatal(err)
	}
	a := &archive{r, Announced{ArchiveID: archiveID, List: list, Generation: 1, Line: []byte("archive.json\n")}}
	if a.first.MAC, err = r.MAC(t.Context(), 1, a.first.Line); err != nil {
		t.Fatal(err)
	}
	if err := r.Announce(a.first.Line); err != nil {
		t.Fatal(err)
	}
	return a
}

// open returns a ring that has read archive.json.
func (a *archive) open(t *testing.T, given Given) *Ring {
	t.Helper()
	r := NewRing(given)
	if err := r.Learn(t.Context(), a.first); err != nil {
		t.Fatal(err)
	}
	return r
}

// always returns a source of a writer key.
func always(k *WriterKey) func(string) (*WriterKey, error) {
	return func(string) (*WriterKey, error) { return k, nil }
}

func isKeyError(err error, isWrong bool) bool {
	e, ok := errors.AsType[*KeyError](err)
	return ok && e.IsWrong == isWrong
}

func isDamage(err error) bool {
	_, ok := errors.AsType[*DamageError](err)
	return ok
}

// Whoever is a recipient opens everything, and nobody else anything.
func TestRecipientsOpenEverything(t *testing.T) {
	t.Parallel()
	people := []person{newPerson(t, false), newPerson(t, false), newPerson(t, true), withPassphrase(t, "one"), withPassphrase(t, "two")}
	var given Given
	for _, p := range people {
		given.Recipients = append(given.Recipients, p.recipient)
	}
	a := newArchive(t, given)
	if n := len(a.first.List.Wraps); n != 4 { // X25519, hybrid, and each passphrase
		t.Errorf("%d wraps", n)
	}
	data, err := a.writer.SealData(nil, []byte("a segment"))
	if err != nil {
		t.Fatal(err)
	}
	index, err := a.writer.SealCatalog(t.Context(), []byte("an index"))
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range people {
		r := a.open(t, Given{Identities: p.identities})
		if b, err := r.OpenCatalog(t.Context(), index); err != nil || string(b) != "an index" {
			t.Errorf("%d: %q, %v", i, b, err)
		}
		if b, err := r.OpenData(t.Context(), bytes.Clone(data)); err != nil || string(b) != "a segment" {
			t.Errorf("%d: %q, %v", i, b, err)
		}
	}
	for name, stranger := range map[string]person{"x25519": newPerson(t, false), "hybrid": newPerson(t, true), "passphrase": withPassphrase(t, "three")} {
		if err := NewRing(Given{Identities: stranger.identities}).Learn(t.Context(), a.first); !isKeyError(err, true) || !strings.Contains(err.Error(), people[0].recipient.String()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var none *Ring
	if err := none.Learn(t.Context(), a.first); !isKeyError(err, false) {
		t.Error(err)
	}
}

// A writer reads and writes the list, and opens no data, not even what it has stored itself; and
// nobody is asked for an identity before data is read.
func TestWriterOpensNoData(t *testing.T) {
	t.Parallel()
	owner := newPerson(t, false)
	var key *WriterKey
	a := newArchive(t, Given{Recipients: []Recipient{owner.recipient}, OnFirst: func(k *WriterKey, document []byte) error {
		key = k
		return nil
	}})
	key, err := ParseWriterKey(key.Encode())
	if err != nil {
		t.Fatal(err)
	}
	data, err := a.writer.SealData(nil, []byte("a segment"))
	if err != nil {
		t.Fatal(err)
	}
	index, err := a.writer.SealCatalog(t.Context(), []byte("an index"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.writer.OpenData(t.Context(), bytes.Clone(data)); !isKeyError(err, false) {
		t.Errorf("who made the archive: %v", err)
	}
	asked := 0
	r := a.open(t, Given{WriterKey: always(key), Identities: func(context.Context) ([]Identity, error) {
		asked++
		return []Identity{owner.identity}, nil
	}})
	if b, err := r.OpenCatalog(t.Context(), index); err != nil || string(b) != "an index" {
		t.Fatalf("%q, %v", b, err)
	}
	if err := r.CheckWriter(t.Context()); err != nil || asked != 0 {
		t.Fatalf("%v, asked %d times", err, asked)
	}
	for range 3 {
		if b, err := r.OpenData(t.Context(), bytes.Clone(data)); err != nil || string(b) != "a segment" || asked != 1 {
			t.Fatalf("%q, %v, asked %d times", b, err, asked)
		}
	}
	if _, err := a.open(t, Given{WriterKey: always(key)}).OpenData(t.Context(), data); !isKeyError(err, false) {
		t.Errorf("a writer: %v", err)
	}
}

// What is flipped, cut off or extended is damage, for those who have all keys.
func TestDamage(t *testing.T) {
	t.Parallel()
	owner := newPerson(t, false)
	a := newArchive(t, Given{Recipients: []Recipient{owner.recipient}})
	r := a.open(t, Given{Identities: owner.identities})
	data, err := r.SealData(nil, []byte("a segment"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.OpenData(t.Context(), bytes.Clone(data)); err != nil {
		t.Fatal(err)
	}
	for i := range data {
		torn := bytes.Clone(data)
		torn[i] ^= 1
		if b, err := r.OpenData(t.Context(), torn); !isDamage(err) {
			t.Errorf("byte %d flipped: %q, %v", i, b, err)
		}
		if b, err := r.OpenData(t.Context(), bytes.Clone(data[:i])); !isDamage(err) {
			t.Errorf("cut off at %d: %q, %v", i, b, err)
		}
	}
	if b, err := r.OpenData(t.Context(), append(bytes.Clone(data), 0)); !isDamage(err) {
		t.Errorf("extended: %q, %v", b, err)
	}
	catalog, err := r.SealCatalog(t.Context(), []byte("a segment"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := r.OpenData(t.Context(), catalog); !isDamage(err) {
		t.Errorf("a part of the catalog in place of data: %q, %v", b, err)
	}
	torn := a.first
	torn.Line = []byte("Archive.json\n")
	if err := NewRing(Given{Identities: owner.identities}).Learn(t.Context(), torn); !isDamage(err) {
		t.Errorf("a document that nobody has written: %v", err)
	}
}

// An archive that is not encrypted costs nothing, and an encrypted one does not become one.
func TestPlain(t *testing.T) {
	t.Parallel()
	owner := newPerson(t, false)
	var none *Ring
	for _, r := range []*Ring{none, NewRing(Given{Identities: owner.identities})} {
		if err := r.Learn(t.Context(), Announced{ArchiveID: archiveID}); err != nil {
			t.Fatal(err)
		}
		b := []byte("a segment")
		sealed, err := r.SealData(nil, b)
		if err != nil || &sealed[0] != &b[0] {
			t.Errorf("%q, %v", sealed, err)
		}
		opened, err := r.OpenData(t.Context(), b)
		if err != nil || &opened[0] != &b[0] {
			t.Errorf("%q, %v", opened, err)
		}
		if r.Front(1<<20) != 0 || r.Suffix() != "" || r.IsSealed() || r.Generation() != 0 || r.CheckWriter(t.Context()) != nil {
			t.Error("it is encrypted")
		}
	}
	a := newArchive(t, Given{Recipients: []Recipient{owner.recipient}})
	if err := a.writer.Learn(t.Context(), Announced{ArchiveID: archiveID}); !isDamage(err) {
		t.Error(err)
	}
	refused := errors.New("not this one")
	check := func(id string, keys *manifest.KeyList) error {
		if id == archiveID && keys == nil {
			return refused
		}
		return nil
	}
	if err := NewRing(Given{Check: check}).Learn(t.Context(), Announced{ArchiveID: archiveID}); !errors.Is(err, refused) {
		t.Error(err)
	}
}

// Segments are encrypted and decrypted in their own memory, whatever their size.
func TestInPlace(t *testing.T) {
	t.Parallel()
	owner := newPerson(t, false)
	a := newArchive(t, Given{Recipients: []Recipient{owner.recipient}})
	r := a.open(t, Given{Identities: owner.identities})
	for _, n := range []int{0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 7*chunk - 3, 5 << 20} {
		plain := make([]byte, n)
		for i := range plain {
			plain[i] = byte(i % 251)
		}
		front := r.Front(n)
		buffer := append(make([]byte, front, front+n), plain...)
		sealed, err := r.SealData(buffer[:0], buffer[front:])
		if err != nil {
			t.Fatal(err)
		}
		if &sealed[0] != &buffer[0] || int64(len(sealed)) > SealedBytes(int64(n)) {
			t.Errorf("%d bytes: %d, not in place or more than %d", n, len(sealed), SealedBytes(int64(n)))
		}
		start := &sealed[0]
		opened, err := r.OpenData(t.Context(), sealed)
		if err != nil || !bytes.Equal(opened, plain) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if n > 0 && &opened[0] != start {
			t.Errorf("%d bytes: not in place", n)
		}
	}
}
