package manifest

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// sampleCertificate is a certificate with all fields.
func sampleCertificate() *Certificate {
	at := time.Date(2026, 11, 26, 13, 15, 0, 0, time.UTC)
	drill := &Drill{
		At: at, Backup: 7, Manifest: &Digest{1}, Timeline: 2, Epoch: 40, Time: &at,
		Checks: DrillChecks{
			Bytes: Proof{Result: ProofOK, MS: 1}, Structure: Proof{Result: ProofFailed, Why: "a frame is damaged"},
			Exec: Proof{Result: ProofNotDone}, Digest: Proof{Result: ProofNotReported},
		},
		Random: true, Digest: "v1:aa", PinnedBy: PinnedByApp, Command: &Digest{2}, RawBytes: 4096, Requests: 9, RestoreMS: 41,
	}
	proven := *drill
	proven.Checks.Structure = Proof{Result: ProofOK}
	return &Certificate{
		Key: CertificateKey(at, NewID()), ArchiveID: strings.Repeat("cd", 16), Generation: 2,
		Kind: DrillCertificate, MadeAt: at, Tool: "gbak-s3 v1", Host: "db1", Why: "a frame is damaged", Head: 9,
		Drill: drill, LastDrill: &DrillOutcome{At: at, Why: "a frame is damaged", Timeline: 2, Epoch: 40, Random: true}, Proven: &proven,
		Arcs: []Arc{{From: 1, To: 2, BegunAt: at, UpTo: 9, Findings: 1}},
	}
}

func TestCertificateRoundTrip(t *testing.T) {
	t.Parallel()
	c := sampleCertificate()
	got, err := DecodeCertificate(c.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, got); diff != "" {
		t.Error(diff)
	}
}

// A certificate whose fields contradict each other is damaged, and one of a kind that is not known is
// of a newer version.
func TestCertificateThatIsNone(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Certificate){
		"the key of something else":         func(c *Certificate) { c.Key = "certificates/today.json" },
		"no archive":                        func(c *Certificate) { c.ArchiveID = "" },
		"a drill and a verification":        func(c *Certificate) { c.Verify = &Verification{} },
		"a drill without one":               func(c *Certificate) { c.Drill = nil },
		"well, and says why not":            func(c *Certificate) { c.OK = true },
		"a check that results in nothing":   func(c *Certificate) { c.Drill.Checks.Exec.Result = "" },
		"a proof that did not happen":       func(c *Certificate) { c.Proven.RestoreMS = -1 },
		"a digest that a cat has pinned":    func(c *Certificate) { c.Drill.PinnedBy = "cat" },
		"a last drill that says two things": func(c *Certificate) { c.LastDrill.OK = true },
		"an arc of no records":              func(c *Certificate) { c.Arcs[0].UpTo = 0 },
		"too many arcs":                     func(c *Certificate) { c.Arcs = make([]Arc, MaxArcs+1) },
		"a record that cannot be":           func(c *Certificate) { c.Head = MaxSeq + 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := sampleCertificate()
			change(c)
			if got, err := DecodeCertificate(c.Encode()); !errors.Is(err, ErrDamaged) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	c := sampleCertificate()
	c.Kind = "oath"
	if _, err := DecodeCertificate(c.Encode()); !isUnsupported(err) {
		t.Errorf("%v", err)
	}
}

func isUnsupported(err error) bool {
	_, ok := errors.AsType[*UnsupportedError](err)
	return ok
}

// Keys sort as their times do, and only what is one is parsed.
func TestCertificateKeys(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 26, 13, 15, 0, 7e6, time.FixedZone("", 3600))
	key := CertificateKey(at, NewID())
	if !strings.HasPrefix(key, "certificates/20261126T121500.007Z-") || len(key) != len("certificates/20261126T121500.007Z-01234567.json") {
		t.Errorf("%s", key)
	}
	if got, ok := ParseCertificateKey(key); !ok || !got.Equal(at) {
		t.Errorf("%s, %t", got, ok)
	}
	if from := CertificatesFrom(at); from >= key || from <= CertificateKey(at.Add(-time.Millisecond), NewID()) {
		t.Errorf("%s", from)
	}
	for _, other := range []string{"", "certificates/", key + "x", "certificates/20261326T121500.007Z-01234567.json", "digests/" + key[13:]} {
		if at, ok := ParseCertificateKey(other); ok {
			t.Errorf("%q is of %s", other, at)
		}
	}
}

func TestDigestPin(t *testing.T) {
	t.Parallel()
	p := &DigestPin{
		ArchiveID: strings.Repeat("cd", 16), Generation: 1, State: StateID{Timeline: 1, Epoch: 40, File: 3, End: 77},
		Digest: "grafeo-0.6:v1:aa", By: PinnedByApp, At: time.Date(2026, 11, 26, 13, 15, 0, 0, time.UTC), Tool: "gbak-s3", Host: "db1",
	}
	got, err := DecodeDigestPin(p.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, got); diff != "" {
		t.Error(diff)
	}
	if s := DigestScheme(p.Digest); s != "grafeo-0.6:v1" {
		t.Errorf("the scheme is %q", s)
	}
	if s := DigestScheme("aa"); s != "" {
		t.Errorf("the scheme is %q", s)
	}
	for _, digest := range []string{"", "v1:", "v1:a\nb", "v1:\xff", strings.Repeat("a", MaxDigestText+1)} {
		if CheckDigest(digest) == nil {
			t.Errorf("%q is a digest", digest)
		}
		wrong := *p
		wrong.Digest = digest
		if _, err := DecodeDigestPin(wrong.Encode()); utf8.ValidString(digest) && !errors.Is(err, ErrDamaged) { // JSON has no other
			t.Errorf("%q: %v", digest, err)
		}
	}
}

// The stored form of a certificate says in the clear what all may know, and the same as what is
// encrypted.
func TestSealedNotes(t *testing.T) {
	t.Parallel()
	c := sampleCertificate()
	stored := storedForm(c.Seal(noSeal, noMAC))
	n, err := DecodeSealedNote(c.Key, stored)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Agrees(unsealed(n.Sealed)); err != nil {
		t.Error(err)
	}
	other := sampleCertificate()
	other.Generation = 1
	if err := n.Agrees(other.Encode()); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v", err)
	}
	if _, err := DecodeSealedNote("digests/00.json", stored); !errors.Is(err, ErrDamaged) {
		t.Errorf("a certificate is read as a digest: %v", err)
	}
	if _, err := DecodeSealedNote(c.Key, c.Encode()); !errors.Is(err, ErrDamaged) {
		t.Errorf("a plain certificate is read in an encrypted archive: %v", err)
	}
	if _, err := DecodeCertificate(stored); !errors.Is(err, ErrDamaged) {
		t.Errorf("a sealed certificate is read in a plain archive: %v", err)
	}
}
