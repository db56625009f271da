package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// In an encrypted archive, archive.json and manifests are stored in a form of their own: a few
// fields in the clear, and the document as it is without encryption, encrypted, in the field
// "sealed". Their second line has a MAC, too, and so has that of a fence, which is in the clear.

// MaxStoredDocument is more than any stored document has: the largest manifest, encrypted and in
// base64.
const MaxStoredDocument = MaxManifestBytes/2*3 + 1<<20

// SealedArchive is the stored form of [Archive] in an encrypted archive.
type SealedArchive struct {
	Type       string      `json:"type"` // "archive"
	Format     int         `json:"format"`
	ArchiveID  string      `json:"archive_id"`
	Encryption *Encryption `json:"encryption"`
	Sealed     []byte      `json:"sealed"`

	closed
}

// SealedManifest is the stored form of [Manifest] in an encrypted archive.
type SealedManifest struct {
	Type   string `json:"type"` // "manifest"
	Format int    `json:"format"`
	clearFields
	Sealed []byte `json:"sealed"`

	closed
}

// clearFields are the fields of a manifest that are in the clear.
type clearFields struct {
	Seq        Seq      `json:"seq"`
	ArchiveID  string   `json:"archive_id"`
	CommitID   string   `json:"commit_id"`
	Previous   *Digest  `json:"previous_sha256"`
	Keys       Seq      `json:"keys"`
	Generation int      `json:"generation"`
	KeyList    *KeyList `json:"key_list,omitempty"`
}

// closed is what encloses a stored document.
type closed struct {
	Line []byte `json:"-"` // the first line
	MAC  Digest `json:"-"` // as the second line says it

	unsupported error // what only a newer version knows
}

// CheckFormat returns an [*UnsupportedError] if only a newer version can read the document. It is
// asked once the MAC is known to be right: otherwise anybody could have written it.
func (c *closed) CheckFormat() error { return c.unsupported }

// Seal returns the stored form of a, with what seal makes of its bytes and mac of a first line.
func (a *Archive) Seal(seal func([]byte) ([]byte, error), mac func(line []byte) (Digest, error)) ([]byte, error) {
	sealed, err := seal(a.Encode())
	if err != nil {
		return nil, err
	}
	return closeWith(&SealedArchive{Type: typeArchive, Format: Format, ArchiveID: a.ArchiveID, Encryption: a.Encryption, Sealed: sealed}, mac)
}

// Seal returns the stored form of m, with what seal makes of its bytes and mac of a first line.
func (m *Manifest) Seal(seal func([]byte) ([]byte, error), mac func(line []byte) (Digest, error)) ([]byte, error) {
	sealed, err := seal(m.Encode())
	if err != nil {
		return nil, err
	}
	return closeWith(&SealedManifest{
		Type: typeManifest, Format: Format, Sealed: sealed,
		clearFields: clearFields{m.Seq, m.ArchiveID, m.CommitID, m.Previous, m.Keys, m.Generation, m.KeyList},
	}, mac)
}

// Seal returns the stored form of f, with what mac makes of its first line.
func (f *Fence) Seal(mac func(line []byte) (Digest, error)) ([]byte, error) {
	f.Type, f.Format = typeFence, Format
	return closeWith(f, mac)
}

// closeWith returns v as a document whose second line has a MAC.
func closeWith(v any, mac func(line []byte) (Digest, error)) ([]byte, error) {
	line, err := json.Marshal(v)
	if err != nil { // fields of these types always encode
		panic(err)
	}
	line = append(line, '\n')
	sum, err := mac(line)
	if err != nil {
		return nil, err
	}
	return append(line, endWithMAC(line, sum)...), nil
}

func endWithMAC(line []byte, mac Digest) []byte {
	return fmt.Appendf(nil, "{\"sha256\":\"%s\",\"mac\":\"%s\"}\n", Sum(line), mac)
}

// splitMAC returns the first line of a document, and the MAC that its second line has. It is not ok
// if the document has none, or does not match its own digest.
func splitMAC(b []byte) (c closed, ok bool) {
	end := bytes.IndexByte(b, '\n') + 1
	var last struct {
		MAC *Digest `json:"mac"`
	}
	if json.Unmarshal(b[end:], &last) != nil || last.MAC == nil || !bytes.Equal(b[end:], endWithMAC(b[:end], *last.MAC)) {
		return closed{}, false
	}
	return closed{Line: b[:end], MAC: *last.MAC}, true
}

// HasMAC reports whether a document matches its own digest, and has a MAC: right or wrong.
func HasMAC(b []byte) bool {
	_, ok := splitMAC(b)
	return ok
}

// DecodeSealedArchive decodes what [Archive.Seal] returned, except for what it encrypts. The error
// is [ErrDamaged]. The caller checks the MAC.
func DecodeSealedArchive(b []byte) (*SealedArchive, error) {
	var a SealedArchive
	if err := decodeClosed(b, typeArchive, &a, &a.closed); err != nil {
		return nil, err
	}
	switch {
	case !isID(a.ArchiveID):
		return nil, fmt.Errorf("%w: archive id %q", ErrDamaged, a.ArchiveID)
	case a.Encryption == nil:
		return nil, fmt.Errorf("%w: it has a MAC, and no keys", ErrDamaged)
	case a.Encryption.Scheme != Scheme: // its keys may be of another sort
		return nil, &UnsupportedError{What: fmt.Sprintf("the encryption %q", a.Encryption.Scheme)}
	}
	if err := a.Encryption.Keys.validate(0); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return &a, nil
}

// Agrees returns [ErrDamaged] unless the document that was encrypted says the same as a.
func (a *SealedArchive) Agrees(document []byte) error {
	inner, err := DecodeArchive(document)
	if err != nil {
		return err
	}
	if inner.ArchiveID != a.ArchiveID || !reflect.DeepEqual(inner.Encryption, a.Encryption) {
		return fmt.Errorf("%w: what it has in the clear is not what it has encrypted", ErrDamaged)
	}
	return nil
}

// DecodeSealedManifest is [DecodeSealedArchive] for what [Manifest.Seal] returned.
func DecodeSealedManifest(b []byte) (*SealedManifest, error) {
	var m SealedManifest
	if err := decodeClosed(b, typeManifest, &m, &m.closed); err != nil {
		return nil, err
	}
	if !isID(m.ArchiveID) || !isID(m.CommitID) {
		return nil, fmt.Errorf("%w: archive id %q, commit id %q", ErrDamaged, m.ArchiveID, m.CommitID)
	}
	if err := m.validateKeys(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return &m, nil
}

// validateKeys checks what a record of an encrypted archive says of its keys.
func (f *clearFields) validateKeys() error {
	if f.Seq == 0 || f.Seq > MaxSeq || f.Keys > f.Seq || f.Generation < 1 || f.Generation > MaxKeyGenerations {
		return fmt.Errorf("record %d with the keys of %d, generation %d", f.Seq, f.Keys, f.Generation)
	}
	if f.KeyList == nil {
		return nil
	}
	return f.KeyList.validate(f.Keys)
}

// Agrees returns [ErrDamaged] unless the document that was encrypted says the same as m. What else
// it says, [DecodeManifest] checks.
func (m *SealedManifest) Agrees(document []byte) error {
	var inner clearFields
	if err := json.Unmarshal(document[:bytes.IndexByte(document, '\n')+1], &inner); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if !reflect.DeepEqual(inner, m.clearFields) {
		return fmt.Errorf("%w: what it has in the clear is not what it has encrypted", ErrDamaged)
	}
	return nil
}

// DecodeSealedFence is [DecodeSealedArchive] for what [Fence.Seal] returned. It returns the first line
// and the MAC, too.
func DecodeSealedFence(b []byte) (f *Fence, line []byte, mac Digest, err error) {
	f, c := &Fence{}, closed{}
	if err := decodeClosed(b, typeFence, f, &c); err != nil {
		return nil, nil, Digest{}, err
	}
	if f.Generation < 1 || f.Generation > MaxKeyGenerations {
		return nil, nil, Digest{}, fmt.Errorf("%w: generation %d", ErrDamaged, f.Generation)
	}
	return f, c.Line, c.MAC, nil
}

// WithoutMAC returns the document with this first line, and without a MAC.
func WithoutMAC(line []byte) []byte { return append(bytes.Clone(line), end(line)...) }

// decodeClosed decodes a document with a MAC into v. What only a newer version knows is no error.
func decodeClosed(b []byte, kind string, v any, c *closed) error {
	if len(b) > MaxStoredDocument {
		return fmt.Errorf("%w: a document of %d bytes", ErrDamaged, len(b))
	}
	split, ok := splitMAC(b)
	switch {
	case !ok && Intact(b):
		return fmt.Errorf("%w: it is not encrypted, and the archive is", ErrDamaged)
	case !ok:
		return fmt.Errorf("%w: its content does not match its own digest", ErrDamaged)
	}
	var probe struct {
		Type   string `json:"type"`
		Format int    `json:"format"`
	}
	if err := checkDensity(split.Line); err != nil {
		return err
	}
	if err := json.Unmarshal(split.Line, &probe); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if probe.Type != kind {
		return fmt.Errorf("%w: its type is %q, not %q", ErrDamaged, probe.Type, kind)
	}
	if err := strict(split.Line, v); err != nil {
		split.unsupported = &UnsupportedError{What: err.Error()}
		if err := json.Unmarshal(split.Line, v); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	if probe.Format != Format {
		split.unsupported = &UnsupportedError{What: fmt.Sprintf("format %d", probe.Format)}
	}
	*c = split
	return nil
}
