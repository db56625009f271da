// Package manifest defines the archive's own documents: their fields, their bytes and
// the keys they are stored under, as FORMAT.md describes them. It knows neither stores
// nor databases and imports no other package of this module.
//
// An archive has one [Archive] document and a [Manifest] for each backup, numbered by
// its [Seq]. An [Index], in the manifest or an object of its own, says where the bytes of
// a backup's files are: a [Segment] is an object, it consists of zstd [Frame]s, and an
// [Extent] maps a part of a file to a part of a frame. A timeline is a stretch of the
// database's history without a fork; a group is 32 backups, whose newest manifest has a
// [Summary] of each of the others.
//
// Decoding is strict and bounded: a document that passes has every field it
// needs, no field that this version does not know, and numbers that fit each
// other, so that readers need not check again.
package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Format is the version of the archive format that this package writes, and
// the only one that it reads.
const Format = 1

// ErrDamaged is the error for a document whose bytes are not those that were written.
// The document's own digest does not match, or it is cut off, or its fields contradict
// each other.
var ErrDamaged = errors.New("damaged document")

// UnsupportedError is the error for a document that a newer version has written.
type UnsupportedError struct {
	What string // the field or number that is not known
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("the document needs a newer gbak-s3: this one reads format %d and does not know %s", Format, e.What)
}

// Digest is a SHA-256, written as 64 lower-case hex digits.
type Digest [sha256.Size]byte

// Sum returns the digest of b.
func Sum(b []byte) Digest { return sha256.Sum256(b) }

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText implements [encoding.TextMarshaler].
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) != 2*len(d) || !bytes.Equal(text, bytes.ToLower(text)) {
		return errors.New("not a digest of 64 lower-case hex digits")
	}
	_, err := hex.Decode(d[:], text)
	return err
}

// end returns the second line of a document: the digest of the first one.
func end(line []byte) []byte { return fmt.Appendf(nil, "{\"sha256\":\"%s\"}\n", Sum(line)) }

// encode returns v as a document: a line of JSON, and a line with its digest
// (FORMAT.md, "Documents").
func encode(v any) []byte {
	line, err := json.Marshal(v)
	if err != nil { // fields of these types always encode
		panic(err)
	}
	line = append(line, '\n')
	return append(line, end(line)...)
}

// The types of documents: the values of their field "type".
const (
	typeArchive     = "archive"
	typeManifest    = "manifest"
	typeIndex       = "index"
	typeFence       = "fence"
	typeCertificate = "certificate"
	typeDigest      = "digest"
	typeMirror      = "mirror"
	typeDetached    = "mirror_detached"
)

// Intact reports whether a document matches its own digest. It does not check the MAC.
func Intact(b []byte) bool {
	_, ok := splitMAC(b)
	return ok || isPlain(b)
}

// isPlain reports whether a document matches its own digest, and has no MAC.
func isPlain(b []byte) bool {
	n := bytes.IndexByte(b, '\n') + 1
	return bytes.Equal(b[n:], end(b[:n]))
}

// decode checks the document's own digest, then that it is of this type, that
// its format is known and that it has exactly the fields of v, and fills v.
func decode(b []byte, kind string, v any) error {
	if !isPlain(b) {
		if Intact(b) {
			return fmt.Errorf("%w: it is encrypted, and the archive is not", ErrDamaged)
		}
		return fmt.Errorf("%w: its content does not match its own digest", ErrDamaged)
	}
	first := b[:bytes.IndexByte(b, '\n')+1]
	if err := checkDensity(first); err != nil {
		return err
	}
	var probe struct {
		Type   string          `json:"type"`
		Format int             `json:"format"`
		Sealed json.RawMessage `json:"sealed"`
	}
	if err := json.Unmarshal(first, &probe); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if probe.Type != kind {
		return fmt.Errorf("%w: its type is %q, not %q", ErrDamaged, probe.Type, kind)
	}
	if probe.Sealed != nil {
		return fmt.Errorf("%w: it is encrypted, and has no MAC", ErrDamaged)
	}
	if probe.Format != Format {
		return &UnsupportedError{What: fmt.Sprintf("format %d", probe.Format)}
	}
	if err := strict(first, v); err != nil {
		return &UnsupportedError{What: err.Error()}
	}
	return nil
}

// checkDensity makes sure that a document does not take much more memory than it has bytes.
func checkDensity(line []byte) error {
	values := bytes.Count(line, []byte("{")) + bytes.Count(line, []byte("[")) + bytes.Count(line, []byte("null"))
	if values > MaxCommits+100+len(line)/40 {
		return fmt.Errorf("%w: its objects have less than their fields", ErrDamaged)
	}
	return nil
}

// strict decodes one JSON value with nothing after it and no unknown field.
func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}
