package journal_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal/journaltest"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// person is somebody with an identity.
type person struct {
	recipient  seal.Recipient
	identities []seal.Identity
}

func newPerson(t *testing.T) *person {
	t.Helper()
	secret, recipient, err := seal.NewIdentity(false)
	if err != nil {
		t.Fatal(err)
	}
	identities, err := seal.ParseIdentities([]byte(secret), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{recipient, identities}
}

func (p *person) given() seal.Given {
	return seal.Given{Identities: func(context.Context) ([]seal.Identity, error) { return p.identities, nil }}
}

func writer(key *seal.WriterKey) seal.Given {
	return seal.Given{WriterKey: func(string) (*seal.WriterKey, error) { return key, nil }}
}

// sealedStore returns the objects of an archive that is opened with some keys.
func sealedStore(s storage.Storage, given seal.Given) *objects.Store {
	o := &objects.Store{Storage: s, Patience: time.Second, Log: slog.New(slog.DiscardHandler), Ring: seal.NewRing(given)}
	o.Ring.LoadListsBy(o.LoadKnownKeys)
	return o
}

func sealedJournal(s storage.Storage, given seal.Given) *journal.Journal {
	return journal.New(sealedStore(s, given), "the archive")
}

// newSealed makes an encrypted archive with a backup, and returns the host's key.
func newSealed(t *testing.T, s storage.Storage, recipients ...*person) *seal.WriterKey {
	t.Helper()
	given := seal.Given{}
	for _, p := range recipients {
		given.Recipients = append(given.Recipients, p.recipient)
	}
	j := sealedJournal(s, given)
	add(t, j, 1)
	return j.Store().Ring.WriterKey()
}

// changeKeys appends a record of kind keys.
func changeKeys(t *testing.T, s storage.Storage, by *person, c seal.Change) manifest.Seq {
	t.Helper()
	j := sealedJournal(s, by.given())
	var seq manifest.Seq
	err := commit.Update(t.Context(), j, options(), func(h *commit.Head) (err error) {
		m := &manifest.Manifest{CommitID: manifest.NewID(), CreatedAt: manifest.Now(), Kind: manifest.KeyChange, Database: h.Parent.Database}
		m.ReadUntil = m.CreatedAt
		h.Place(m)
		seq = m.Seq
		m.Keys, m.Generation = seq, h.Store.Ring.At(seq)
		if m.KeyList, err = h.Store.Ring.Change(t.Context(), seq, c); err != nil {
			return err
		}
		b, err := h.Store.SealManifest(t.Context(), m)
		journaltest.Put(t, s, seq.Key(), string(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

// sees demands that a reader finds so many backups.
func sees(t *testing.T, j *journal.Journal, want int) {
	t.Helper()
	n, err := count(t, j)
	if err != nil || n != want {
		t.Errorf("%d backups instead of %d, %v", n, want, err)
	}
}

func count(t *testing.T, j *journal.Journal) (n int, err error) {
	t.Helper()
	l, err := j.Open(t.Context(), journal.Memory{})
	if err != nil {
		return 0, err
	}
	return n, j.LoadAll(t.Context(), l, func(_ int, _ *manifest.Committed, err error) error {
		n++
		return err
	})
}

func isKeyError(err error) bool {
	_, ok := errors.AsType[*seal.KeyError](err)
	return ok
}

// After a change of keys, everybody who may goes on with what he has.
func TestAfterAChangeOfKeys(t *testing.T) {
	t.Parallel()
	s, stays, leaves, comes := storagetest.NewMemory(), newPerson(t), newPerson(t), newPerson(t)
	key := newSealed(t, s, stays, leaves)
	added := changeKeys(t, s, stays, seal.Change{Add: []seal.Recipient{comes.recipient}})
	add(t, sealedJournal(s, writer(key)), 1)
	sees(t, sealedJournal(s, leaves.given()), 2)
	removed := changeKeys(t, s, stays, seal.Change{Remove: []string{leaves.recipient.String()}})
	add(t, sealedJournal(s, writer(key)), 2) // by the handover
	if added != 2 || removed != 4 {
		t.Fatalf("records %d and %d", added, removed)
	}
	sees(t, sealedJournal(s, writer(key)), 4)
	sees(t, sealedJournal(s, stays.given()), 4)
	sees(t, sealedJournal(s, comes.given()), 4) // whom archive.json does not know

	// Who hosts must not have keys any more.
	changeKeys(t, s, stays, seal.Change{Rotate: true, RevokeHosts: true})
	if err := commit.Update(t.Context(), sealedJournal(s, writer(key)), options(), nil); !isKeyError(err) {
		t.Errorf("a host that was revoked: %v", err)
	}
	add(t, sealedJournal(s, comes.given()), 1)
	if _, err := count(t, sealedJournal(s, writer(key))); !isKeyError(err) {
		t.Errorf("a host that was revoked: %v", err)
	}
	if _, err := count(t, sealedJournal(s, newPerson(t).given())); !isKeyError(err) {
		t.Errorf("a stranger: %v", err)
	}
	sees(t, sealedJournal(s, comes.given()), 5)
}

// A reader needs the record with a list of keys only if it does not know the keys of what it
// reads: a writer whose key is the newest asks for no more than without encryption.
func TestRequestsAfterAChangeOfKeys(t *testing.T) {
	t.Parallel()
	s, owner := storagetest.NewMemory(), newPerson(t)
	key := newSealed(t, s, owner)
	changeKeys(t, s, owner, seal.Change{Rotate: true})
	add(t, sealedJournal(s, writer(key)), 1)
	for name, c := range map[string]struct {
		key  *seal.WriterKey
		more int
	}{"the first key": {key, 1}, "the newest key": {nil, 0}} {
		var newest *seal.WriterKey
		given := writer(c.key)
		if c.key == nil {
			j := sealedJournal(s, writer(key))
			sees(t, j, 2)
			given = writer(j.Store().Ring.WriterKey())
		}
		given.OnChange = func(k *seal.WriterKey) { newest = k }
		faulty := storagetest.NewFaulty(s, nil)
		err := commit.Update(t.Context(), sealedJournal(faulty, given), options(), func(*commit.Head) error { return nil })
		if n := requests(faulty.Calls(), storage.OpGet); err != nil || n != 2+c.more || (newest != nil) != (c.more > 0) {
			t.Errorf("%s: %d GETs, %v; what is new is %v", name, n, err, newest)
		}
	}
}

// A record that somebody makes with keys that were replaced is damaged, whoever reads it, and in
// whatever order.
func TestRecordsWithReplacedKeys(t *testing.T) {
	t.Parallel()
	s, owner := storagetest.NewMemory(), newPerson(t)
	key := newSealed(t, s, owner)
	old := sealedStore(s, writer(key))
	if _, err := old.ReadDocument(t.Context(), manifest.ArchiveKey); err != nil {
		t.Fatal(err)
	}
	changeKeys(t, s, owner, seal.Change{Rotate: true})
	newest := add(t, sealedJournal(s, writer(key)), 1)

	m, ix := journaltest.Next(newest)
	m.Content, m.ArchiveID, m.Previous, m.Timeline, m.Timelines, m.Generation = ix, key.ArchiveID, &newest.Digest, 4, 4, 1
	var err error
	if m.KeyList, err = old.Ring.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	forged, err := old.SealManifest(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	journaltest.Put(t, s, m.Seq.Key(), string(forged))
	for _, order := range [][]manifest.Seq{{4, 3}, {3, 4}, {2, 4}, {4, 2}} {
		j := sealedJournal(s, writer(key))
		if _, err := j.Store().ReadDocument(t.Context(), manifest.ArchiveKey); err != nil {
			t.Fatal(err)
		}
		var found error
		for _, seq := range order {
			if _, err := j.Load(t.Context(), key.ArchiveID, seq); err != nil {
				found = err
			}
		}
		if damaged, ok := errors.AsType[*manifest.ObjectError](found); !ok || damaged.Key != m.Seq.Key() {
			t.Errorf("%v: %v", order, found)
		}
	}
}

// What somebody without a key has put in the place of a record names others as those with its keys,
// itself among them: the search ends, and says which record is damaged.
func TestSearchForKeysEnds(t *testing.T) {
	t.Parallel()
	s, owner := storagetest.NewMemory(), newPerson(t)
	key := newSealed(t, s, owner)
	forge := func(at, seq, keys manifest.Seq) {
		m, ix := journaltest.Next(&manifest.Committed{Manifest: &manifest.Manifest{Seq: seq - 1}})
		m.Content, m.ArchiveID, m.Keys, m.Generation = ix, key.ArchiveID, keys, 9
		b, err := m.Seal(func(b []byte) ([]byte, error) { return b, nil }, func([]byte) (manifest.Digest, error) { return manifest.Digest{1}, nil })
		if err != nil {
			t.Fatal(err)
		}
		journaltest.Put(t, s, at.Key(), string(b))
	}
	forge(2, 1000, 2) // of itself
	forge(3, 3, 2)
	for seq := manifest.Seq(4); seq < 20; seq++ {
		forge(seq, seq, seq-1)
	}
	for seq, most := range map[manifest.Seq]int{2: 2, 3: 4, 19: 4} { // twice, as what is damaged is read again
		faulty := storagetest.NewFaulty(s, nil)
		j := sealedJournal(faulty, writer(key))
		if _, err := j.Store().ReadDocument(t.Context(), manifest.ArchiveKey); err != nil {
			t.Fatal(err)
		}
		_, err := j.Load(t.Context(), key.ArchiveID, seq)
		if n := requests(faulty.Calls(), storage.OpGet) - 1; !journal.IsDamaged(err) || n > 2*most {
			t.Errorf("record %d: %v after %d GETs", seq, err, n)
		}
	}
}

// Without archive.json, the records say which keys there are.
func TestSealedWithoutDocument(t *testing.T) {
	t.Parallel()
	s, owner, comes := storagetest.NewMemory(), newPerson(t), newPerson(t)
	key := newSealed(t, s, owner)
	readable := func(backups int, readers ...seal.Given) {
		t.Helper()
		torn := storagetest.NewMemory()
		for k, b := range s.Objects() {
			if k == manifest.ArchiveKey {
				b = b[:len(b)/2]
			}
			journaltest.Put(t, torn, k, string(b))
		}
		for _, given := range readers {
			sees(t, sealedJournal(torn, given), backups)
		}
		if _, err := count(t, sealedJournal(torn, newPerson(t).given())); !isKeyError(err) {
			t.Errorf("a stranger: %v", err)
		}
		var damaged *journal.DamagedDocumentError
		if err := commit.Update(t.Context(), sealedJournal(torn, writer(key)), options(), nil); !errors.As(err, &damaged) {
			t.Errorf("a writer: %v", err)
		}
	}
	readable(1, writer(key), owner.given())
	changeKeys(t, s, owner, seal.Change{Add: []seal.Recipient{comes.recipient}, Rotate: true})
	readable(1, writer(key), owner.given(), comes.given())
	add(t, sealedJournal(s, writer(key)), 1)
	readable(2, writer(key), owner.given(), comes.given())
}

// The newest state is not that of an earlier backup if the newest one is missing and a change of
// keys came after it.
func TestNewestBackupIsMissingBeforeAChangeOfKeys(t *testing.T) {
	t.Parallel()
	s, owner := storagetest.NewMemory(), newPerson(t)
	key := newSealed(t, s, owner)
	lost := add(t, sealedJournal(s, writer(key)), 1)
	changeKeys(t, s, owner, seal.Change{Rotate: true})
	if err := s.Delete(t.Context(), lost.Seq.Key()); err != nil {
		t.Fatal(err)
	}
	j := sealedJournal(s, owner.given())
	r, err := j.Route(t.Context(), journaltest.Open(t, j), catalog.Target{})
	if object, ok := errors.AsType[*manifest.ObjectError](err); !ok || object.Key != lost.Seq.Key() {
		t.Errorf("%+v, %v", r, err)
	}
}
