package archiver_test

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/local"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// library is an archive of which samples are taken, with a note of what each has read.
type library struct {
	t     testing.TB
	store storage.Storage

	mu       sync.Mutex
	now      map[string]bool      // segments that the sample has read
	lastRead map[string]time.Time // when a segment was read last
	refuse   func(op storage.Op, key string) error
}

func newLibrary(t testing.TB, store storage.Storage) *library {
	l := &library{t: t, lastRead: map[string]time.Time{}}
	l.store = storagetest.NewFaulty(store, func(op storage.Op, key string, _ int) storagetest.Fault {
		l.mu.Lock()
		defer l.mu.Unlock()
		if op == storage.OpGet && strings.HasPrefix(key, manifest.SegmentPrefix) && l.now != nil {
			l.now[key], l.lastRead[key] = true, time.Now()
		}
		if l.refuse != nil {
			return storagetest.Fault{Err: l.refuse(op, key)}
		}
		return storagetest.Fault{}
	})
	return l
}

// verify takes a sample of a share, or reads all, and notes what was read.
func (l *library) verify(a *archiver.Archive, opts archiver.VerifyOptions) archiver.VerifyReport {
	l.t.Helper()
	l.now = map[string]bool{}
	r, err := a.Verify(l.t.Context(), opts)
	if err != nil {
		l.t.Fatal(err)
	}
	if opts.Sample > 0 && r.Read.Segments != len(l.now) {
		l.t.Errorf("it says that it has read %d segments, and has read %d", r.Read.Segments, len(l.now))
	}
	return r
}

func (l *library) sample(share float64) archiver.VerifyReport {
	l.t.Helper()
	return l.verify(newArchive(l.store), archiver.VerifyOptions{Sample: share, Certify: true})
}

// mustBeTrue demands that what is claimed was read.
func (l *library) mustBeTrue(all map[string][]byte, c archiver.Coverage) {
	l.t.Helper()
	if c.Read < 1 {
		return
	}
	claimed := 0
	for _, m := range look(l.t, all).living {
		if uint64(m.Seq) > c.UpTo {
			continue
		}
		for _, key := range namedBy(l.t, all, m) {
			if !strings.HasPrefix(key, manifest.SegmentPrefix) {
				continue
			}
			claimed++
			if at, ok := l.lastRead[key]; !ok || at.Before(c.Since) {
				l.t.Errorf("%+v, but %s of record %d was read at %v", c, key, m.Seq, at)
			}
		}
	}
	if claimed == 0 {
		l.t.Errorf("%+v, and that is about nothing", c)
	}
}

// addLarge adds backups of one segment each, which is an object.
func addLarge(t testing.TB, store storage.Storage, m *model, n int) {
	t.Helper()
	for range n {
		m.commit(manifest.MaxInlineBytes + 2000)
		backup(t, store, m.path)
	}
}

func manySegments(t testing.TB, store storage.Storage, n int) *model {
	t.Helper()
	m := newModel(t)
	m.commit(100)
	backup(t, store, m.path)
	addLarge(t, store, m, n)
	return m
}

// Samples of a tenth read everything in ten runs.
func TestSamplesGoRound(t *testing.T) {
	t.Parallel()
	memory := storagetest.NewMemory()
	directory, err := local.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, store := range map[string]storage.Storage{"memory": memory, "directory": directory} {
		t.Run(name, func(t *testing.T) {
			manySegments(t, store, 30)
			l := newLibrary(t, store)
			reads, r := 0, archiver.VerifyReport{}
			for n := 1; !r.OK() || r.Read == nil || r.Read.Coverage.Read < 1; n++ {
				r = l.sample(0.1)
				reads += r.Read.Segments
				if n > 10 || r.Read.Bytes*10 < r.Read.OfBytes || r.Read.Certificate == "" || r.Read.NoCertificate != nil || r.Unopened {
					t.Fatalf("sample %d: %+v", n, r.Read)
				}
			}
			if r.Read.Coverage.UpTo != 31 || r.Read.OfSegments != 31 || reads < 31 || reads > 35 { // the last one may have begun again
				t.Errorf("%+v after %d reads", r.Read, reads)
			}
			if len(l.lastRead) != 31 {
				t.Errorf("%d segments were read", len(l.lastRead))
			}
		})
	}
}

// Whatever is backed up, removed and merged between samples, and whichever certificates are
// lost: what is claimed was read. When nothing changes any more, all is claimed soon.
func TestSamplesOfAnArchiveThatLives(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	m := manySegments(t, store, 8)
	l := newLibrary(t, store)
	rules := archiver.Rules{Last: 12}
	complete := 0
	for n := range 40 {
		switch n % 8 {
		case 0, 3:
			addLarge(t, store, m, 2)
		case 1:
			full(t, store, m.path)
		case 4:
			mustExpire(t, "", store, rules)
		case 5:
			compactAll(t, store)
		case 7:
			if n == 23 {
				for key := range store.Objects() {
					if strings.HasPrefix(key, manifest.CertificatePrefix) {
						if err := store.Delete(t.Context(), key); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
		}
		r := l.sample(0.3)
		if !r.OK() {
			t.Fatalf("%v", r.Findings)
		}
		l.mustBeTrue(store.Objects(), r.Read.Coverage)
		if r.Read.Coverage.Read == 1 {
			complete++
		}
	}
	if complete < 10 {
		t.Errorf("%d samples had read all", complete)
	}
	var r archiver.VerifyReport
	for range 5 {
		r = l.sample(0.3)
	}
	newest := manifest.Seq(0)
	for _, m := range look(t, store.Objects()).living {
		newest = max(newest, m.Seq)
	}
	if c := r.Read.Coverage; c.Read < 1 || manifest.Seq(c.UpTo) < newest {
		t.Errorf("%+v", c)
	}
	l.mustBeTrue(store.Objects(), r.Read.Coverage)
}

// A merged record that no keep has seen yet may stand in for backups later. So nothing is
// claimed of records from it on.
func TestSampleBeforeAMergedRecordStandsIn(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	manySegments(t, store, 6)
	by := merge(t, store, 3, 5, false)
	l := newLibrary(t, store)
	c := l.sample(1).Read.Coverage
	if c.Read < 1 || c.UpTo != uint64(by)-1 {
		t.Fatalf("%+v, and the merged record is %d", c, by)
	}
	keep(t, store, keepChange{standIn: &manifest.StandIn{From: 3, For: 5, By: by}, dead: true})
	l.mustBeTrue(store.Objects(), c)
	if c = l.sample(1).Read.Coverage; c.UpTo != uint64(by)+1 {
		t.Errorf("%+v", c)
	}
	l.mustBeTrue(store.Objects(), c)
}

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
