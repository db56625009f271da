package certificates

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/ring"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal/sealtest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

const archiveID = "00112233445566778899aabbccddeeff"

// storeOf returns the objects of an archive, guarded as at the door.
func storeOf(s storage.Storage, ring *seal.Ring) *objects.Store {
	return &objects.Store{Storage: objects.Guarded(s, ring.IsSealed), Patience: time.Second, Log: slog.New(slog.DiscardHandler), Ring: ring}
}

// drilled is the certificate of a drill that began at a time, and failed if why is not empty.
func drilled(at time.Time, why string) manifest.Certificate {
	done := manifest.Proof{Result: manifest.ProofOK, MS: 7}
	return manifest.Certificate{
		ArchiveID: archiveID, Kind: manifest.DrillCertificate, MadeAt: at, Tool: "gbak-s3", Host: "a host", OK: why == "", Why: why, Head: 3,
		Drill: &manifest.Drill{
			At: at, Backup: 3, Timeline: 1, Epoch: 40,
			Checks: manifest.DrillChecks{Bytes: done, Structure: done, Exec: manifest.Proof{Result: manifest.ProofNotDone}, Digest: manifest.Proof{Result: manifest.ProofNotDone}},
		},
	}
}

// sampled is the certificate of a sample that has read one more arc than newest knows.
func sampled(newest *manifest.Certificate, arc manifest.Arc) manifest.Certificate {
	c := manifest.Certificate{
		ArchiveID: archiveID, Kind: manifest.VerifyCertificate, MadeAt: arc.BegunAt, OK: true, Head: arc.UpTo,
		Verify: &manifest.Verification{Level: "sample"},
	}
	var before []manifest.Arc
	if newest != nil {
		before = newest.Arcs
	}
	now := moment(59)
	c.Arcs = ring.Of(before, now).With(arc, now).Arcs()
	return c
}

func arc(from, to manifest.Place) manifest.Arc {
	return manifest.Arc{From: from, To: to, BegunAt: moment(1), UpTo: 3}
}

func moment(n int) time.Time { return time.Date(2026, 11, 26, 13, n, 0, 0, time.UTC) }

func mustPut(t *testing.T, s *objects.Store, build func(*manifest.Certificate) manifest.Certificate) *manifest.Certificate {
	t.Helper()
	c, err := Put(t.Context(), s, archiveID, build)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustNewest(t *testing.T, s *objects.Store) *manifest.Certificate {
	t.Helper()
	c, err := Newest(t.Context(), s, archiveID)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The newest certificate says what all before it say: which drill was the last one, which one
// succeeded last, and what samples have read.
func TestNewestTellsAll(t *testing.T) {
	t.Parallel()
	for name, ring := range sealtest.Rings(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := storagetest.NewMemory()
			s := storeOf(m, ring)
			if c := mustNewest(t, s); c != nil {
				t.Fatalf("there is %+v", c)
			}
			good := drilled(moment(1), "")
			mustPut(t, s, func(*manifest.Certificate) manifest.Certificate { return good })
			mustPut(t, s, func(n *manifest.Certificate) manifest.Certificate { return sampled(n, arc(1, 2)) })
			mustPut(t, s, func(*manifest.Certificate) manifest.Certificate { return drilled(moment(2), "the disk is full") })
			put := mustPut(t, s, func(n *manifest.Certificate) manifest.Certificate { return sampled(n, arc(5, 6)) })

			c := mustNewest(t, s)
			if diff := cmp.Diff(put, c); diff != "" {
				t.Errorf("what is read is not what was put: %s", diff)
			}
			want := &manifest.DrillOutcome{At: moment(2), Why: "the disk is full", Timeline: 1, Epoch: 40}
			if diff := cmp.Diff(want, c.LastDrill); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(good.Drill, c.Proven); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]manifest.Arc{arc(1, 2), arc(5, 6)}, c.Arcs); diff != "" {
				t.Error(diff)
			}
			for key, b := range m.Objects() {
				if isPlain := bytes.Contains(b, []byte("a host")) || bytes.Contains(b, []byte("restore_ms")); isPlain == ring.IsSealed() {
					t.Errorf("%s is stored as %s", key, b)
				}
			}
		})
	}
}

// A clock that was ahead once does not hide the certificates after it, nor does one that is behind.
func TestClocks(t *testing.T) {
	t.Parallel()
	m := storagetest.NewMemory()
	s := storeOf(m, nil)
	for _, at := range []time.Time{time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		c := drilled(at, "")
		c.Key = manifest.CertificateKey(at, manifest.NewID())
		if _, err := s.CreateOnce(t.Context(), c.Key, c.Encode()); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 3 {
		put := mustPut(t, s, func(*manifest.Certificate) manifest.Certificate { return drilled(moment(n), "") })
		if c := mustNewest(t, s); c.Key != put.Key || !strings.HasPrefix(c.Key, "certificates/20990101T000000.00"+string(rune('1'+n))+"Z-") {
			t.Errorf("the newest one is %s, and %s was put last", c.Key, put.Key)
		}
	}
}

// The newest one is found with one list and one read, and with another list if it is old.
func TestRequestsOfNewest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at    time.Time
		lists int
	}{
		"recent": {time.Now().Add(-399 * 24 * time.Hour), 1},
		"old":    {time.Now().Add(-401 * 24 * time.Hour), 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := storagetest.NewMemory()
			s := storeOf(m, nil)
			made := drilled(c.at, "")
			made.Key = manifest.CertificateKey(c.at, manifest.NewID())
			if _, err := s.CreateOnce(t.Context(), made.Key, made.Encode()); err != nil {
				t.Fatal(err)
			}
			before := len(m.Calls())
			if got := mustNewest(t, s); got.Key != made.Key {
				t.Errorf("the newest one is %s", got.Key)
			}
			var lists, gets int
			for _, call := range m.Calls()[before:] {
				switch call.Op {
				case storage.OpList:
					lists++
				case storage.OpGet:
					gets++
				}
			}
			if lists != c.lists || gets != 1 {
				t.Errorf("%d lists and %d reads", lists, gets)
			}
		})
	}
}

// A certificate that is damaged, missing, or a copy of another one is passed over. One that cannot be
// read is not: it may say more.
func TestDamagedCertificates(t *testing.T) {
	t.Parallel()
	for name, ring := range sealtest.Rings(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := storagetest.NewMemory()
			s := storeOf(m, ring)
			first := mustPut(t, s, func(*manifest.Certificate) manifest.Certificate { return drilled(moment(1), "") })
			second := mustPut(t, s, func(*manifest.Certificate) manifest.Certificate { return drilled(moment(2), "no") })
			stored := m.Objects()
			later := manifest.CertificateKey(time.Now().Add(time.Hour), manifest.NewID())
			overwrite(t, m, later, stored[first.Key]) // an attacker hides the failure
			if c := mustNewest(t, s); c.Key != second.Key {
				t.Errorf("a copy counts: %s", c.Key)
			}
			overwrite(t, m, second.Key, bytes.Replace(stored[second.Key], []byte(`"format":1`), []byte(`"format":2`), 1))
			if c := mustNewest(t, s); c.Key != first.Key {
				t.Errorf("a damaged one counts: %s", c.Key)
			}
			overwrite(t, m, first.Key, stored[first.Key][1:])
			if c, err := Newest(t.Context(), s, archiveID); !isDamage(err) {
				t.Errorf("all are damaged, and that is %+v, %v", c, err)
			}
			overwrite(t, m, first.Key, stored[first.Key])
			third := mustPut(t, s, func(*manifest.Certificate) manifest.Certificate { return drilled(moment(3), "") })
			if c := mustNewest(t, s); c.Key != third.Key {
				t.Errorf("%s counts, and not the new one", c.Key)
			}
			refused := storagetest.NewFaulty(m, func(op storage.Op, _ string, _ int) storagetest.Fault {
				if op == storage.OpGet {
					return storagetest.Fault{Err: storage.ErrPermission}
				}
				return storagetest.Fault{}
			})
			if c, err := Newest(t.Context(), storeOf(refused, ring), archiveID); !errors.Is(err, storage.ErrPermission) {
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
}

// Where no certificate can be read, the next one begins anew.
func TestPutAfterDamage(t *testing.T) {
	t.Parallel()
	m := storagetest.NewMemory()
	s := storeOf(m, nil)
	first := mustPut(t, s, func(*manifest.Certificate) manifest.Certificate { return drilled(moment(1), "") })
	overwrite(t, m, first.Key, []byte("rot"))
	second := mustPut(t, s, func(*manifest.Certificate) manifest.Certificate { return sampled(nil, arc(1, 2)) })
	if c := mustNewest(t, s); c.Key != second.Key || c.Proven != nil {
		t.Errorf("%+v", c)
	}
}

func isDamage(err error) bool {
	_, ok := errors.AsType[*manifest.ObjectError](err)
	return ok
}

func overwrite(t *testing.T, m *storagetest.Memory, key string, b []byte) {
	t.Helper()
	if _, err := m.Put(t.Context(), key, bytes.NewReader(b), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}
