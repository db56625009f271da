package manifest

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// DigestPin is the document at [DigestPin.ObjectKey]: which digest a state of the database has,
// according to the first one who computed it. Nothing changes it, so a state has one digest of
// each scheme.
type DigestPin struct {
	Type      string `json:"type"` // "digest"
	Format    int    `json:"format"`
	ArchiveID string `json:"archive_id"`

	// Generation is that of the keys with which it is encrypted, in an encrypted archive.
	Generation int `json:"generation,omitempty"`

	State StateID `json:"state"`

	Digest string    `json:"digest"` // SCHEME:VALUE, see [DigestScheme]
	By     PinnedBy  `json:"by"`
	At     time.Time `json:"at"` // by the clock of Host
	Tool   string    `json:"tool"`
	Host   string    `json:"host"`
}

// StateID is a state of a database, whichever backups give it. A timeline has no fork, so timeline
// and epoch nearly tell it. But changes of the schema carry the epoch before (0.6), and so do changes
// without a transaction (0.5): the place of the last commit that has an epoch tells such states apart. It is
// known where the log is, and that commit in it.
type StateID struct {
	Timeline int    `json:"timeline"`
	Epoch    uint64 `json:"epoch"`
	LSN      uint64 `json:"lsn"`  // 0.6: of the first byte of that commit; 0 if it is not known
	File     uint64 `json:"file"` // 0.5: the number of the log file in which it ends, and the offset there;
	End      int64  `json:"end"`  // 0 if they are not known
}

// IsPlaced reports whether the place of the last commit is known.
func (s StateID) IsPlaced() bool { return s.LSN != 0 || s.End != 0 }

// PinnedBy says who first reported the digest of a state.
type PinnedBy string

// The values of [PinnedBy].
const (
	PinnedByDrill PinnedBy = "drill" // the command of a drill
	PinnedByApp   PinnedBy = "app"   // a program that has the database open
)

// DigestScheme returns the scheme of a digest: what is before its last colon, perhaps nothing. Only
// digests of one scheme can be compared.
func DigestScheme(digest string) string {
	return digest[:max(0, strings.LastIndexByte(digest, ':'))]
}

// CheckDigest returns an error unless a text can be a digest.
func CheckDigest(digest string) error {
	switch {
	case digest == "":
		return fmt.Errorf("a digest that is empty")
	case strings.HasSuffix(digest, ":"):
		return fmt.Errorf("the digest %q has a scheme, and no value", digest)
	case len(digest) > MaxDigestText:
		return fmt.Errorf("a digest of %d bytes: it may have %d", len(digest), MaxDigestText)
	case !utf8.ValidString(digest), strings.ContainsFunc(digest, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return fmt.Errorf("a digest with characters that are no text")
	}
	return nil
}

// ObjectKey returns the key of the digest: that of its state and scheme.
func (p *DigestPin) ObjectKey() string {
	s := p.State
	place := Sum(fmt.Appendf(nil, "%d %d %d\n", s.LSN, s.File, s.End)).String()[:8]
	return DigestsOf(p.ArchiveID, s, DigestScheme(p.Digest)) + place + ".json"
}

var digestKey = regexp.MustCompile(`^digests/[0-9a-f]{32}\.json$`)

// IsDigestKey reports whether key is that of a pinned digest.
func IsDigestKey(key string) bool { return digestKey.MatchString(key) }

// DigestsOf returns what the keys begin with of all digests by a scheme of the states with the timeline and
// epoch of s.
func DigestsOf(archiveID string, s StateID, scheme string) string {
	text := fmt.Appendf(nil, "gbak-s3 digest\n%s\n%d %d\n%s\n", archiveID, s.Timeline, s.Epoch, scheme)
	return DigestPrefix + Sum(text).String()[:24]
}

// Encode returns the document's bytes. It sets Type and Format.
func (p *DigestPin) Encode() []byte {
	p.Type, p.Format = typeDigest, Format
	return encode(p)
}

// Seal returns the stored form of p in an encrypted archive, with what seal makes of its bytes
// and mac of a first line.
func (p *DigestPin) Seal(seal func([]byte) ([]byte, error), mac func(line []byte) (Digest, error)) ([]byte, error) {
	return sealNote(typeDigest, noteFields{p.ArchiveID, p.Generation}, p.Encode(), seal, mac)
}

// DecodeDigestPin decodes what [DigestPin.Encode] returned. Errors are [ErrDamaged] or an
// [*UnsupportedError].
func DecodeDigestPin(b []byte) (*DigestPin, error) {
	var p DigestPin
	if err := decode(b, typeDigest, &p); err != nil {
		return nil, err
	}
	err := CheckDigest(p.Digest)
	switch {
	case err != nil:
	case !isID(p.ArchiveID):
		err = fmt.Errorf("archive id %q", p.ArchiveID)
	case p.State.Timeline < 1 || p.State.End < 0:
		err = fmt.Errorf("a state of timeline %d", p.State.Timeline)
	case p.By != PinnedByDrill && p.By != PinnedByApp:
		err = fmt.Errorf("a digest by %q", p.By)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return &p, nil
}
