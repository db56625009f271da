package archiver_test

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// A damaged segment is found when its turn comes, and its part of the ring does not count. The
// samples go on, and when it is whole again, so is the claim, after the next round.
func TestSampleFindsDamage(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	manySegments(t, store, 9)
	all := store.Objects()
	key := namedBy(t, all, manifestOf(t, all, 5))[0]
	put(t, store, key, string(append(bytes.Clone(all[key][1:]), 'x')))
	l := newLibrary(t, store)
	found := 0
	for range 10 {
		r := l.sample(0.1)
		if names(r.Findings, key) {
			found++
		}
		if r.Read.Coverage.Read == 1 || r.OK() != (len(r.Findings) == 0) {
			t.Fatalf("%+v", r.Read)
		}
	}
	if found != 1 && found != 2 { // the tenth may have begun again
		t.Errorf("it was found %d times", found)
	}
	r := l.sample(0.1)
	if c := r.Read.Coverage; c.Damaged == 0 || c.Read == 0 || c.Read+c.Damaged < 0.9999 {
		t.Errorf("after a round: %+v", c)
	}
	put(t, store, key, string(all[key]))
	for range 10 {
		r = l.sample(0.1)
	}
	if c := r.Read.Coverage; c.Read < 1 || c.Damaged != 0 {
		t.Errorf("after it was mended: %+v", c)
	}
}

// If it is not known which segments there are, nothing is claimed.
func TestSampleWithoutAManifest(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	manySegments(t, store, 4)
	if err := store.Delete(t.Context(), manifest.Seq(3).Key()); err != nil {
		t.Fatal(err)
	}
	if r := newLibrary(t, store).sample(1); r.OK() || r.Read.Coverage.Read != 0 || r.Read.Coverage.Damaged != 1 {
		t.Errorf("%+v, %v", r.Read, r.Findings)
	}
}

// A deep verification is a whole round, and a shallow one is none.
func TestWhoLeavesACertificate(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	manySegments(t, store, 4)
	l := newLibrary(t, store)
	before := len(store.Objects())
	if r := l.verify(newArchive(l.store), archiver.VerifyOptions{Certify: true}); r.Read != nil || len(store.Objects()) != before {
		t.Errorf("a shallow one has read %+v", r.Read)
	}
	for _, opts := range []archiver.VerifyOptions{{Deep: true}, {Sample: 1}} {
		r := l.verify(newArchive(l.store), opts)
		if c := r.Read.Coverage; c.Read < 1 || c.UpTo != 5 || r.Read.Certificate != "" || len(store.Objects()) != before {
			t.Errorf("%+v: %+v", opts, r.Read)
		}
	}
	first := l.sample(0.01).Read
	r := l.verify(newArchive(l.store), archiver.VerifyOptions{Deep: true, Certify: true})
	if c := r.Read.Coverage; c.Read < 1 || c.UpTo != 5 || r.Read.Certificate == "" || r.Read.Segments != 5 || r.Read.Bytes != r.Read.OfBytes {
		t.Errorf("%+v", r.Read)
	}
	next := l.sample(0.01).Read
	if next.Coverage.Read < 1 || first.Segments != 1 || next.Segments != 1 || len(store.Objects()) != before+3 {
		t.Errorf("%+v, then %+v", first, next)
	}
}

// Who may not write gets his answer all the same, and who may not even read certificates, too.
// Whoever is interrupted leaves no certificate.
func TestSampleWithoutPermission(t *testing.T) {
	t.Parallel()
	for name, refused := range map[string][]storage.Op{"put": {storage.OpPut}, "all": {storage.OpPut, storage.OpList, storage.OpGet}} {
		store := storagetest.NewMemory()
		manySegments(t, store, 4)
		l := newLibrary(t, store)
		l.refuse = func(op storage.Op, key string) error {
			if strings.HasPrefix(key, manifest.CertificatePrefix) && slices.Contains(refused, op) {
				return storage.ErrPermission
			}
			return nil
		}
		r := l.sample(0.01)
		if !r.OK() || r.Read.Segments != 1 || r.Read.Certificate != "" || archiver.CodeOf(r.Read.NoCertificate) != archiver.CodePermission {
			t.Errorf("%s: %+v", name, r.Read)
		}
	}
	store := storagetest.NewMemory()
	manySegments(t, store, 4)
	before := store.Objects()
	ctx, cancel := context.WithCancel(t.Context())
	l := newLibrary(t, store)
	l.refuse = func(op storage.Op, key string) error {
		if strings.HasPrefix(key, manifest.SegmentPrefix) && op == storage.OpGet {
			cancel()
		}
		return nil
	}
	_, err := newArchive(l.store).Verify(ctx, archiver.VerifyOptions{Sample: 1, Certify: true})
	mustFail(t, err, archiver.CodeInterrupted)
	if !maps.EqualFunc(before, store.Objects(), bytes.Equal) {
		t.Error("something was stored")
	}
}

// Samples at once lose nothing: the newest certificate has what all of them have read.
func TestSamplesAtOnce(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	manySegments(t, store, 12)
	var wg sync.WaitGroup
	for n := range 6 {
		wg.Go(func() {
			r, err := newArchive(store).Verify(t.Context(), archiver.VerifyOptions{Sample: float64(n+1) / 10, Certify: true})
			if err != nil || r.Read.NoCertificate != nil {
				t.Errorf("%+v, %v", r.Read, err)
			}
		})
	}
	wg.Wait()
	l := newLibrary(t, store)
	for n := range 20 {
		r := l.sample(0.1)
		if n == 9 && r.Read.Coverage.Read < 1 {
			t.Errorf("%+v", r.Read)
		}
	}
}

// Of an encrypted archive, a host with the writer key alone compares what is stored, and who has
// an identity opens it. They go on where the other has ended, and what they leave is encrypted.
func TestSampleOfAnEncryptedArchive(t *testing.T) {
	t.Parallel()
	m, store, h, o := sealedArchive(t)
	for range 6 {
		m.commit(manifest.MaxInlineBytes + 2000)
		mustBackup(t, h.archive(store), m.path)
	}
	l := newLibrary(t, store)
	var c archiver.Coverage
	for n := range 5 {
		a, isUnopened := h.archive(l.store), true
		if n%2 == 1 {
			a, isUnopened = o.reader(l.store), false
		}
		r := l.verify(a, archiver.VerifyOptions{Sample: 0.2, Certify: true})
		if !r.OK() || r.Unopened != isUnopened || r.Read.NoCertificate != nil {
			t.Fatalf("%d: %+v, %v", n, r, r.Read.NoCertificate)
		}
		c = r.Read.Coverage
	}
	if c.Read < 1 || c.UpTo != 10 {
		t.Errorf("%+v", c)
	}
	for key, b := range store.Objects() {
		if strings.HasPrefix(key, manifest.CertificatePrefix) && !bytes.Contains(b, []byte(`"sealed"`)) {
			t.Errorf("%s is not encrypted", key)
		}
	}
}

// A claim survives a round of many samples, of which a certificate cannot carry each one's arc.
func TestManySamples(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	manySegments(t, store, 69)
	l := newLibrary(t, store)
	var c archiver.Coverage
	for n := range 70 {
		c = l.sample(1.0 / 70).Read.Coverage
		l.mustBeTrue(store.Objects(), c)
		if c.Read == 1 {
			t.Logf("after %d samples", n+1)
			break
		}
	}
	if c.Read < 1 {
		t.Errorf("%+v", c)
	}
}

// What an index names and no file needs is read, too: it is claimed.
func TestSampleReadsWhatNoFileNeeds(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	manySegments(t, store, 2)
	all := store.Objects()
	m := manifestOf(t, all, 3)
	unused := m.Content.Segments[0]
	body := all[unused.Key]
	first, second := unused, unused
	first.Key = manifest.SegmentFolder(m.Folder) + "000007-0123456789abcdef.zst"
	second.Key = manifest.SegmentFolder(m.Folder) + "000008-0123456789abcdef.zst"
	frame := m.Content.Frames[0]
	frame.Segment = len(m.Content.Segments)
	m.Content.Segments = append(m.Content.Segments, first, second) // a frame that no file needs, and none at all
	m.Content.Frames = append(m.Content.Frames, frame)
	m.SegmentsNew += 2
	m.StoredBytes += 2 * unused.StoredBytes
	put(t, store, m.Seq.Key(), string(m.Encode()))
	put(t, store, first.Key, string(body))
	put(t, store, second.Key, string(body))
	for _, opts := range []archiver.VerifyOptions{{Sample: 1}, {Deep: true}} {
		l := newLibrary(t, store)
		if r := l.verify(newArchive(l.store), opts); !r.OK() || r.Read.Segments != 5 || len(l.lastRead) != 5 {
			t.Errorf("%+v: %+v, and read %d: %v", opts, r.Read, len(l.lastRead), r.Findings)
		}
		damaged := bytes.Clone(body)
		damaged[len(damaged)/2] ^= 1
		for _, key := range []string{first.Key, second.Key} {
			put(t, store, key, string(damaged))
			if r := l.verify(newArchive(l.store), opts); !names(r.Findings, key) || r.Read.Coverage.Read > 0 {
				t.Errorf("%+v: damage of %s is not found: %+v", opts, key, r.Read)
			}
			put(t, store, key, string(body))
		}
	}
}

// A certificate that is damaged, or of another archive, counts for nothing, and holds up nobody:
// samples begin anew.
func TestSampleBesideForeignCertificates(t *testing.T) {
	t.Parallel()
	other := storagetest.NewMemory()
	manySegments(t, other, 1)
	theirs := newLibrary(t, other).sample(1).Read.Certificate
	for name, body := range map[string][]byte{"of another archive": other.Objects()[theirs], "damaged": []byte("{}\n"), "empty": nil} {
		store := storagetest.NewMemory()
		manySegments(t, store, 4)
		put(t, store, theirs, string(body))
		l := newLibrary(t, store)
		r := l.sample(0.2)
		if !r.OK() || r.Read.Coverage.Read == 1 || r.Read.Certificate == "" || r.Read.NoCertificate != nil {
			t.Errorf("%s: %+v, %v", name, r.Read, r.Findings)
		}
		for range 4 {
			r = l.sample(0.2)
		}
		if c := r.Read.Coverage; c.Read < 1 || c.UpTo != 5 {
			t.Errorf("%s: %+v", name, c)
		}
	}
}
