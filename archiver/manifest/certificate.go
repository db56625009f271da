package manifest

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Certificate is the document at [CertificateKey]: what one drill or one verification has
// proved, or that it failed. It also repeats what earlier ones have proved, so the newest
// certificate is enough. A certificate from a host whose clock was ahead hides no later
// one: the time in a key is that of its host, or a millisecond after the newest
// certificate's if that is later.
type Certificate struct {
	Type   string `json:"type"` // "certificate"
	Format int    `json:"format"`

	// Key is the object's own key: a copy under another key is not a certificate.
	Key       string `json:"key"`
	ArchiveID string `json:"archive_id"`

	// Generation is that of the keys with which it is encrypted, in an encrypted archive.
	Generation int `json:"generation,omitempty"`

	Kind   CertificateKind `json:"kind"`
	MadeAt time.Time       `json:"made_at"` // by the clock of Host
	Tool   string          `json:"tool"`
	Host   string          `json:"host"`

	OK  bool   `json:"ok"`
	Why string `json:"why,omitempty"` // why not, in words

	Head Seq `json:"head"` // the newest record that it saw, 0 if it saw none

	Drill  *Drill        `json:"drill,omitempty"`  // of kind drill
	Verify *Verification `json:"verify,omitempty"` // of kind verify

	// LastDrill is the newest drill so far, perhaps this one. One that failed stays until a drill succeeds
	// of the same state or, if it was not drawn, of a newer one; if it was, until it is gone. Of several
	// that failed, it is the drawn one, else that of the newest state.
	LastDrill *DrillOutcome `json:"last_drill,omitempty"`
	Proven    *Drill        `json:"proven,omitempty"` // the newest successful drill so far, perhaps this one
	Arcs      []Arc         `json:"arcs,omitempty"`   // what samples have read so far, the oldest first
}

// CertificateKind is the kind of work that a certificate is about.
type CertificateKind string

// The kinds of certificates.
const (
	DrillCertificate  CertificateKind = "drill"
	VerifyCertificate CertificateKind = "verify"
)

// Drill is what one drill has found out. If it failed, what it did not reach is left out.
type Drill struct {
	At time.Time `json:"at"` // when it began, by the clock of its host

	Backup   Seq        `json:"backup"`             // that contains the state; 0 if the drill failed before that was known
	Manifest *Digest    `json:"manifest,omitempty"` // of that backup's manifest, as it is stored
	Timeline int        `json:"timeline"`
	Epoch    uint64     `json:"epoch"`
	Time     *time.Time `json:"time"`             // of the state, by the database's clock
	Random   bool       `json:"random,omitempty"` // the state was chosen at random from all that could be restored

	Checks   DrillChecks `json:"checks"`
	Digest   string      `json:"digest,omitempty"`    // that the command reported
	PinnedBy PinnedBy    `json:"pinned_by,omitempty"` // who pinned the digest that this one is the same as; a drill, if it is the first one
	Command  *Digest     `json:"command,omitempty"`   // of its arguments, each followed by a zero byte

	RawBytes  int64 `json:"raw_bytes"`  // of the restored files
	Requests  int64 `json:"requests"`   // to the store
	RestoreMS int64 `json:"restore_ms"` // from the first request to the restored database
}

// DrillChecks are the checks of a drill, in their order.
type DrillChecks struct {
	Bytes     Proof `json:"bytes"`     // what was stored came back
	Structure Proof `json:"structure"` // the restored files are a database, in the state that was asked for
	Exec      Proof `json:"exec"`      // the user's command succeeded on it
	Digest    Proof `json:"digest"`    // the digest that the command reported is the one that this state has
}

// Proof is the outcome of one check of a drill.
type Proof struct {
	Result ProofResult `json:"result"`
	MS     int64       `json:"ms"`            // that it took
	Why    string      `json:"why,omitempty"` // why it failed, in words
}

// ProofResult is the result of a check.
type ProofResult string

// The results.
const (
	ProofOK          ProofResult = "ok"
	ProofFailed      ProofResult = "failed"
	ProofNotDone     ProofResult = "not_done"     // nobody asked for it, or the drill ended before
	ProofNotReported ProofResult = "not_reported" // of a digest: the command reported none
	ProofPinned      ProofResult = "pinned"       // of a digest: it is the first of this state, which later ones are compared with
)

// DrillOutcome is the outcome of a drill, and the state that it restored.
type DrillOutcome struct {
	At       time.Time `json:"at"`
	OK       bool      `json:"ok"`
	Why      string    `json:"why,omitempty"`
	Timeline int       `json:"timeline"` // 0 if the state is not known
	Epoch    uint64    `json:"epoch"`
	Random   bool      `json:"random,omitempty"`
}

// Verification is what one verification has read and found.
type Verification struct {
	Level    string `json:"level"` // how much was read
	Objects  int64  `json:"objects"`
	Bytes    int64  `json:"bytes"`
	Findings int64  `json:"findings"`
}

// The limits of certificates.
const (
	MaxCertificateBytes = 1 << 20
	MaxWhyBytes         = 4096 // of an explanation
	MaxDigestText       = 1024 // of what a command reports
)

// certificateTime is the time in the key of a certificate.
const certificateTime = "20060102T150405.000Z"

var certificateKey = regexp.MustCompile(`^certificates/([0-9]{8}T[0-9]{6}\.[0-9]{3}Z)-[0-9a-f]{8}\.json$`)

// CertificateKey returns the key of a certificate of this time; id is random. Such keys sort
// as their times do.
func CertificateKey(at time.Time, id string) string {
	return CertificatePrefix + at.UTC().Format(certificateTime) + "-" + id[:8] + ".json"
}

// ParseCertificateKey returns the time in the key of a certificate. ok is false if the key is
// not that of a certificate.
func ParseCertificateKey(key string) (at time.Time, ok bool) {
	parts := certificateKey.FindStringSubmatch(key)
	if parts == nil {
		return time.Time{}, false
	}
	at, err := time.Parse(certificateTime, parts[1])
	return at, err == nil
}

// CertificatesFrom returns a string that sorts right before the keys of all certificates of this
// time and later.
func CertificatesFrom(at time.Time) string {
	return CertificatePrefix + at.UTC().Format(certificateTime)
}

// Encode returns the document's bytes. It sets Type and Format.
func (c *Certificate) Encode() []byte {
	c.Type, c.Format = typeCertificate, Format
	return encode(c)
}

// Seal returns the stored form of c in an encrypted archive, with what seal makes of its bytes
// and mac of a first line.
func (c *Certificate) Seal(seal func([]byte) ([]byte, error), mac func(line []byte) (Digest, error)) ([]byte, error) {
	return sealNote(typeCertificate, noteFields{c.ArchiveID, c.Generation}, c.Encode(), seal, mac)
}

// DecodeCertificate decodes what [Certificate.Encode] returned. Errors are [ErrDamaged] or an
// [*UnsupportedError].
func DecodeCertificate(b []byte) (*Certificate, error) {
	if len(b) > MaxCertificateBytes {
		return nil, fmt.Errorf("%w: a certificate of %d bytes", ErrDamaged, len(b))
	}
	var c Certificate
	if err := decode(b, typeCertificate, &c); err != nil {
		return nil, err
	}
	if c.Kind != DrillCertificate && c.Kind != VerifyCertificate {
		return nil, &UnsupportedError{What: fmt.Sprintf("the kind %q of certificates", c.Kind)}
	}
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return &c, nil
}

func (c *Certificate) validate() error {
	_, isKey := ParseCertificateKey(c.Key)
	switch {
	case !isKey:
		return fmt.Errorf("its key is %q", c.Key)
	case !isID(c.ArchiveID):
		return fmt.Errorf("archive id %q", c.ArchiveID)
	case (c.Kind == DrillCertificate) != (c.Drill != nil), (c.Kind == VerifyCertificate) != (c.Verify != nil):
		return fmt.Errorf("it is of kind %s, and has something else", c.Kind)
	case c.OK != (c.Why == ""):
		return fmt.Errorf("it is either well, or says why not")
	case c.Head > MaxSeq:
		return fmt.Errorf("head %d", c.Head)
	}
	if err := validateArcs(c.Arcs); err != nil {
		return err
	}
	if l := c.LastDrill; l != nil && (l.Timeline < 0 || l.OK != (l.Why == "")) {
		return fmt.Errorf("the last drill: %+v", *l)
	}
	for _, d := range []*Drill{c.Drill, c.Proven} {
		if d == nil {
			continue
		}
		if err := d.validate(); err != nil {
			return err
		}
	}
	return nil
}

func (d *Drill) validate() error {
	if d.Backup > MaxSeq || d.Timeline < 0 || d.RawBytes < 0 || d.Requests < 0 || d.RestoreMS < 0 || len(d.Digest) > MaxDigestText {
		return fmt.Errorf("a drill of backup %d", d.Backup)
	}
	if d.PinnedBy != "" && d.PinnedBy != PinnedByDrill && d.PinnedBy != PinnedByApp {
		return fmt.Errorf("a digest that is pinned by %q", d.PinnedBy)
	}
	for _, p := range []*Proof{&d.Checks.Bytes, &d.Checks.Structure, &d.Checks.Exec, &d.Checks.Digest} {
		switch p.Result {
		case ProofOK, ProofFailed, ProofNotDone, ProofNotReported, ProofPinned:
		default:
			return fmt.Errorf("a check with the result %q", p.Result)
		}
	}
	return nil
}

// IsNote reports whether an object is a certificate or a pinned digest, by its key: a document that
// stands beside the records, and that no restore needs.
func IsNote(key string) bool {
	return strings.HasPrefix(key, CertificatePrefix) || strings.HasPrefix(key, DigestPrefix)
}
