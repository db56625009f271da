package archiver_test

import (
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
