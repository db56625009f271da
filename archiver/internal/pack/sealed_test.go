package pack

import (
	"bytes"
	"crypto/rand"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal/sealtest"
	"github.com/gbak-s3/gbak-s3/archiver/internal/sent"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// All that is stored in an encrypted archive is age files, under names that say so.
func TestAllIsEncrypted(t *testing.T) {
	b := noise(3<<20 + 5)
	path := filepath.Join(t.TempDir(), "image")
	mustWrite(t, path, b)
	store := storagetest.NewMemory()
	p := packerFor(store, sealtest.Ring(t), 2)
	before := len(store.Objects())
	first := mustPack(t, p, path, b)
	if n := len(store.Objects()) - before; n != 5 { // four segments, and digests of pages
		t.Errorf("%d objects are stored", n)
	}
	for key, body := range store.Objects() {
		if key == manifest.ArchiveKey || strings.HasPrefix(key, manifest.ProbePrefix) {
			continue
		}
		if !bytes.HasPrefix(body, []byte("age-encryption.org/v1\n")) || !manifest.IsSealedKey(key) {
			t.Errorf("%s begins with %q", key, body[:20])
		}
	}
	for _, s := range first.Index.Segments {
		body := store.Objects()[s.Key]
		if int64(len(body)) != s.StoredBytes || manifest.Sum(body) != s.SHA256 {
			t.Errorf("%s is not as the index says", s.Key)
		}
	}
}

// A segment is encrypted in the memory that it was built in.
func TestEncryptedInPlace(t *testing.T) {
	ring := sealtest.Ring(t)
	for _, n := range []int{1, 64 << 10, 20 << 20} {
		s := newSegments(&objects.Store{Ring: ring}, "")
		s.front = ring.Front(n)
		body := make([]byte, s.front, s.front+n)
		frames := noise(n)
		body = append(body, frames...)
		sealed, err := s.seal(body)
		if err != nil {
			t.Fatal(err)
		}
		if &sealed[0] != &body[0] {
			t.Errorf("%d bytes went to other memory", n)
		}
		if plain, err := ring.OpenData(t.Context(), sealed); err != nil || !bytes.Equal(plain, frames) {
			t.Errorf("%d bytes became others: %v", n, err)
		}
	}
}

// What is left to the manifest is at most as much as that may have, encrypted.
func TestSmallEncryptedIncrements(t *testing.T) {
	for size, isInline := range map[int]bool{100: true, manifest.MaxInlineBytes - 300: true, manifest.MaxInlineBytes - 100: false} {
		b := noise(size)
		path := filepath.Join(t.TempDir(), "log")
		mustWrite(t, path, b)
		store := storagetest.NewMemory()
		p := packerFor(store, sealtest.Ring(t), 1)
		s := sourceOf(path, b)
		s.Kind, s.Parent, s.Files[0].Name = manifest.Incremental, &manifest.Committed{}, "wal_00000000.log"
		c, err := p.Store(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Index.HasInline(); got != isInline || segmentsIn(store) == 0 != isInline {
			t.Errorf("%d bytes: inline: %v, %d objects", size, got, segmentsIn(store))
		}
		got := make([]byte, size)
		if fill(t, store, p.head.Store.Ring, c.Index, got); !bytes.Equal(got, b) {
			t.Errorf("%d bytes became others", size)
		}
	}
}

// Of what was sent before, only that is sent again which the store does not have any more.
func TestLostIsSentAgain(t *testing.T) {
	b := noise(4 << 20)
	path := filepath.Join(t.TempDir(), "image")
	mustWrite(t, path, b)
	store := storagetest.NewMemory()
	p := packerFor(store, sealtest.Ring(t), 2)
	first := mustPack(t, p, path, b)
	if err := store.Delete(t.Context(), first.Index.Segments[1].Key); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(t.Context(), first.Index.Segments[2].Key, strings.NewReader("damaged"), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	again := mustPack(t, p, path, b)
	if again.counts.sent != 2 {
		t.Errorf("%d segments are sent again", again.counts.sent)
	}
	got := make([]byte, len(b))
	if fill(t, store, p.head.Store.Ring, again.Index, got); !bytes.Equal(got, b) {
		t.Error("other bytes are fetched")
	}
}

// Without notes, or with those of another archive, everything is sent again, and nothing is
// taken for something else.
func TestNothingWasSentBefore(t *testing.T) {
	b := noise(2 << 20)
	path := filepath.Join(t.TempDir(), "image")
	mustWrite(t, path, b)
	store := storagetest.NewMemory()
	ring := sealtest.Ring(t)
	p := packerFor(store, ring, 2)
	first := mustPack(t, p, path, b)
	p.options.Sent = nil
	if again := mustPack(t, p, path, b); again.counts.sent != int64(len(first.Index.Segments)) {
		t.Errorf("without notes, %d segments are sent again", again.counts.sent)
	}
	p.options.Sent = sent.InMemory()
	mustPack(t, p, path, b)
	p.head.Store.Ring = sealtest.Ring(t) // as after a change of keys
	if again := mustPack(t, p, path, b); again.counts.sent != int64(len(first.Index.Segments)) {
		t.Errorf("with another key, %d segments are sent again", again.counts.sent)
	}
}

// A run's folder has another name with each key, and the same one with the same key, so that
// nobody can tell from it what was backed up.
func TestFolderTellsNothing(t *testing.T) {
	s := &capture.Source{Kind: manifest.Full, Image: sourceOf("image", nil).Image}
	name := func(p *Packer) string {
		name, err := p.nameOf(t.Context(), s, 1<<20)
		if err != nil || len(name) != 32 {
			t.Fatalf("%q, %v", name, err)
		}
		return name
	}
	store := storagetest.NewMemory()
	plain, one, other := packerFor(store, nil, 1), packerFor(store, sealtest.Ring(t), 1), packerFor(store, sealtest.Ring(t), 1)
	first := name(one)
	if again := name(one); again != first || first == name(other) || first == name(plain) {
		t.Errorf("%s, %s, %s, %s", name(plain), first, again, name(other))
	}
}

// Digests of pages that are the same as the reference's are not stored again, although they
// would become other bytes.
func TestDigestsAreNamedAgain(t *testing.T) {
	for name, ring := range sealtest.Rings(t) {
		b := noise(4 << 20)
		path := filepath.Join(t.TempDir(), "image")
		mustWrite(t, path, b)
		store := storagetest.NewMemory()
		first := mustPack(t, packerFor(store, ring, 2), path, b)
		m := first.Manifest("test", "host", nil)
		m.Content = first.Index
		for _, isChanged := range []bool{false, true} {
			if isChanged {
				b[0]++
				mustWrite(t, path, b)
			}
			s := sourceOf(path, b)
			s.Parent = &manifest.Committed{Manifest: m}
			p := packerFor(store, ring, 2)
			p.head.Last = s.Parent
			second, err := p.Store(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			if slices.Equal(second.Index.Image().Pages, first.Index.Image().Pages) == isChanged {
				t.Errorf("%s, changed: %v: %+v", name, isChanged, second.Index.Image().Pages)
			}
		}
	}
}
