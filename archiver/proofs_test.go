package archiver_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// certified puts a certificate that was made at a time.
func certified(t *testing.T, store storage.Storage, at time.Time, change func(*manifest.Certificate)) {
	t.Helper()
	r := status(t, store.(*storagetest.Memory), "") //nolint:forcetypeassert // it is one
	c := &manifest.Certificate{
		Key: manifest.CertificateKey(at, manifest.NewID()), ArchiveID: r.ArchiveID, Kind: manifest.VerifyCertificate,
		MadeAt: at, Tool: "test", Host: "test", OK: true, Head: 1, Verify: &manifest.Verification{Level: "sample"},
	}
	change(c)
	if _, err := store.Put(t.Context(), c.Key, bytes.NewReader(c.Encode()), storage.PutOptions{IfAbsent: true}); err != nil {
		t.Fatal(err)
	}
}

// archiveToProve returns a store with a backup, and now as certificates have it.
func archiveToProve(t *testing.T) (*storagetest.Memory, time.Time) {
	store := storagetest.NewMemory()
	backup(t, store, copyVector(t, "v0.6.0/closed"))
	return store, time.Now().UTC().Truncate(time.Millisecond)
}

func checks(exec manifest.ProofResult) manifest.DrillChecks {
	ok := manifest.Proof{Result: manifest.ProofOK}
	return manifest.DrillChecks{Bytes: ok, Structure: ok, Exec: manifest.Proof{Result: exec}, Digest: manifest.Proof{Result: manifest.ProofNotReported}}
}

// A status says what the newest certificate says, whatever that one is about.
func TestProof(t *testing.T) {
	t.Parallel()
	store, now := archiveToProve(t)
	if p := status(t, store, "").Proofs; !cmp.Equal(p, &archiver.Proofs{}) {
		t.Fatalf("without a certificate: %+v", p)
	}
	last := manifest.DrillOutcome{At: now.Add(-time.Hour), Why: "a segment is damaged", Timeline: 1, Epoch: 2, Random: true}
	drill := manifest.Drill{
		At: now.Add(-50 * time.Hour), Backup: 1, Timeline: 1, Epoch: 3, Time: &now, Checks: checks(manifest.ProofOK),
		Digest: "v1:aa", PinnedBy: manifest.PinnedByApp, RawBytes: 4096, RestoreMS: 41_000,
	}
	certified(t, store, now.Add(-time.Hour), func(c *manifest.Certificate) {
		c.LastDrill, c.Proven = &last, &drill
		c.Arcs = []manifest.Arc{
			{From: 0, To: 1 << 63, BegunAt: now.Add(-20 * aDay), UpTo: 1},
			{From: 1 << 63, To: 3 << 62, BegunAt: now.Add(-aDay), UpTo: 1},
			{From: 3 << 62, To: 0, BegunAt: now.Add(-time.Hour), UpTo: 1, Findings: 2},
		}
	})
	want := archiver.Proofs{
		Proven: &archiver.Proven{
			At: drill.At, Backup: 1, Timeline: 1, Epoch: 3, Time: &now, Executed: true, Digest: "v1:aa", PinnedBy: "app",
			RawBytes: 4096, Restore: 41 * time.Second,
		},
		LastDrill: &archiver.Drilled{At: last.At, Why: last.Why, Timeline: 1, Epoch: 2, Random: true},
		Coverage: &archiver.Coverage{
			Read: 0.75, Damaged: 0.25, UpTo: 1, Since: now.Add(-20 * aDay), LastAt: now.Add(-time.Hour), Findings: 2,
		},
	}
	r := status(t, store, "")
	if diff := cmp.Diff(&want, r.Proofs); diff != "" || r.ProofsUnknown != nil {
		t.Errorf("%s, %v", diff, r.ProofsUnknown)
	}
	p, requests, err := newArchive(store).Proofs(t.Context())
	if diff := cmp.Diff(want, p); diff != "" || err != nil || requests.Total() == 0 {
		t.Errorf("%s, %v, %d requests", diff, err, requests.Total())
	}

	// A list and a read, however many there are.
	before := r.Requests
	for i := range 20 {
		certified(t, store, now.Add(time.Duration(i)*time.Second), func(*manifest.Certificate) {})
	}
	if r = status(t, store, ""); r.Requests != before || r.Proofs.Proven != nil {
		t.Errorf("%v requests, and %v before; %+v", r.Requests, before, r.Proofs)
	}
}

// What a status finds where certificates are not as they should be, or may not be read, is not that
// there is none: the rest of the status is as ever.
func TestProofUnknown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		harm func(*testing.T, *storagetest.Memory, time.Time) storage.Storage
		code archiver.Code
		why  string
	}{
		"may not be listed": {func(_ *testing.T, m *storagetest.Memory, _ time.Time) storage.Storage {
			return denied(m, storage.OpList)
		}, archiver.CodePermission, "permission"},
		"may not be read": {func(t *testing.T, m *storagetest.Memory, now time.Time) storage.Storage {
			certified(t, m, now, func(*manifest.Certificate) {})
			return denied(m, storage.OpGet)
		}, archiver.CodePermission, "permission"},
		"of another archive": {func(t *testing.T, m *storagetest.Memory, now time.Time) storage.Storage {
			certified(t, m, now, func(c *manifest.Certificate) { c.ArchiveID = strings.Repeat("ab", 16) })
			return m
		}, archiver.CodeDamagedArchive, "another archive"},
		"of a later version": {func(t *testing.T, m *storagetest.Memory, now time.Time) storage.Storage {
			certified(t, m, now, func(c *manifest.Certificate) { c.Kind = "dream" })
			return m
		}, archiver.CodeUnsupported, "dream"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, now := archiveToProve(t)
			r, err := newArchive(c.harm(t, m, now)).Status(t.Context(), archiver.StatusOptions{})
			if err != nil || r.Backups != 1 || r.Newest == nil {
				t.Fatalf("%+v, %v", r, err)
			}
			if r.Proofs != nil || archiver.CodeOf(r.ProofsUnknown) != c.code || !strings.Contains(r.ProofsUnknown.Error(), c.why) {
				t.Errorf("%+v, %v", r.Proofs, r.ProofsUnknown)
			}
			if err := r.ProvenWithin(1000 * aDay); !errors.Is(err, archiver.ErrUnproven) || !strings.Contains(err.Error(), "not known") {
				t.Errorf("%v", err)
			}
		})
	}
}

// A certificate that cannot be read may be that of a drill that failed: an older one that is good does not
// count as the newest.
func TestProofOlderThanDamage(t *testing.T) {
	t.Parallel()
	m, now := archiveToProve(t)
	certified(t, m, now, func(*manifest.Certificate) {})
	damaged := manifest.CertificateKey(now.Add(time.Second), manifest.NewID())
	if _, err := m.Put(t.Context(), damaged, strings.NewReader("rot"), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	r := status(t, m, "")
	if r.Proofs == nil || !errors.Is(r.Proofs.Unread, archiver.ErrDamagedArchive) || !strings.Contains(r.Proofs.Unread.Error(), damaged) {
		t.Fatalf("%+v", r.Proofs)
	}
	certified(t, m, now.Add(2*time.Second), func(*manifest.Certificate) {})
	if r := status(t, m, ""); r.Proofs == nil || r.Proofs.Unread != nil {
		t.Errorf("after a newer one: %+v", r.Proofs)
	}
}

// denied is a store in which certificates are denied to an operation.
func denied(m *storagetest.Memory, op storage.Op) storage.Storage {
	return storagetest.NewFaulty(m, func(is storage.Op, key string, _ int) storagetest.Fault {
		if is == op && strings.HasPrefix(key, manifest.CertificatePrefix) {
			return storagetest.Fault{Err: storage.ErrPermission}
		}
		return storagetest.Fault{}
	})
}

// A store that goes away while the certificates are read is an error, and not that nobody knows.
func TestProofOfStoreThatGoesAway(t *testing.T) {
	t.Parallel()
	m, _ := archiveToProve(t)
	store := storagetest.NewFaulty(m, func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpList && strings.HasPrefix(key, manifest.CertificatePrefix) {
			return storagetest.Fault{Err: errors.New("connection reset")}
		}
		return storagetest.Fault{}
	})
	if _, err := newArchive(store).Status(t.Context(), archiver.StatusOptions{}); archiver.CodeOf(err) != archiver.CodeStore {
		t.Errorf("%v", err)
	}
}

func TestProvenWithin(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ago := func(d time.Duration) *archiver.Proven { return &archiver.Proven{At: now.Add(-d)} }
	good := &archiver.Drilled{OK: true}
	for name, c := range map[string]struct {
		proof archiver.Proofs
		why   string // "" for none
	}{
		"never":                       {archiver.Proofs{}, "never"},
		"only read":                   {archiver.Proofs{Coverage: &archiver.Coverage{Read: 1}}, "never"},
		"lately":                      {archiver.Proofs{Proven: ago(aDay), LastDrill: good}, ""},
		"too long ago":                {archiver.Proofs{Proven: ago(8 * aDay), LastDrill: good}, "ago"},
		"lately, and failed after it": {archiver.Proofs{Proven: ago(aDay), LastDrill: &archiver.Drilled{Why: "the disk is full"}}, "mended: the disk is full"},
		"lately, and a newer certificate cannot be read": {archiver.Proofs{Proven: ago(aDay), LastDrill: good, Unread: errors.New("damaged document")}, "not known: damaged document"},
		"a clock is a bit ahead":                         {archiver.Proofs{Proven: ago(-time.Second), LastDrill: good}, ""},
		"a clock is ahead":                               {archiver.Proofs{Proven: ago(-aDay), LastDrill: good}, "future"},
	} {
		r := archiver.StatusReport{Proofs: &c.proof}
		err := r.ProvenWithin(7 * aDay)
		if (err == nil) != (c.why == "") || err != nil && (!errors.Is(err, archiver.ErrUnproven) || !strings.Contains(err.Error(), c.why)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
