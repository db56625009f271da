package objects

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// PlaintextError is the error for an object of an encrypted archive that is not
// encrypted. Nothing was sent.
type PlaintextError struct{ Key string }

func (e *PlaintextError) Error() string {
	return fmt.Sprintf("%s was to be stored as plain text in an encrypted archive: it was not sent. This is a bug of gbak-s3", e.Key)
}

// Guarded returns a store in front of next that puts nothing but age files, sealed
// documents, probes and what is plain text in every archive once isSealed reports that the
// archive is encrypted. It is the second lock: what seals is the first, and the two know
// nothing of each other.
//
// It is a [storage.BatchDeleter], a [storage.Clock], a [storage.Inspector], a
// [storage.Locker], a [storage.Tamperer], a [storage.OriginChecker] and a
// [storage.NeighbourLister] as far as next is.
func Guarded(next storage.Storage, isSealed func() bool) storage.Storage {
	return guarded{next, isSealed}
}

type guarded struct {
	storage.Storage
	isSealed func() bool
}

// Put implements [storage.Storage].
func (g guarded) Put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.PutResult, error) {
	if g.isSealed() && !strings.HasPrefix(key, manifest.ProbePrefix) {
		switch sealed, err := mayBePut(key, body); {
		case err != nil:
			return storage.PutResult{}, &storage.Error{Op: storage.OpPut, Key: key, Err: err}
		case !sealed:
			return storage.PutResult{}, &PlaintextError{key}
		}
	}
	return g.Storage.Put(ctx, key, body, opts)
}

// mayBePut reports whether body is encrypted, or is one of the few texts that are not, and leaves it
// at the offset that it had.
func mayBePut(key string, body io.ReadSeeker) (bool, error) {
	var isText func(text []byte) bool
	switch key {
	case manifest.InstructionsKey:
		isText = func(text []byte) bool { return manifest.AreInstructions(text, true) }
	case manifest.MirrorKey:
		isText = func(text []byte) bool { _, err := manifest.DecodeMirror(text); return err == nil }
	case manifest.DetachedKey:
		isText = func(text []byte) bool { _, err := manifest.DecodeDetached(text); return err == nil }
	default:
		return isSealedBody(body)
	}
	text, err := peek(body, maxText)
	return err == nil && isText(text), err
}

// maxText is more than any of these texts has.
const maxText = 64 << 10

// peek returns the beginning of body, and leaves it at the offset that it had.
func peek(body io.ReadSeeker, limit int64) ([]byte, error) {
	start, err := body.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(body, limit))
	_, back := body.Seek(start, io.SeekStart)
	return b, errors.Join(err, back)
}

// ageBeginning is what every age file begins with.
const ageBeginning = "age-encryption.org/v1\n-> "

// isSealedBody reports whether body is an age file or a sealed document, and leaves it at
// the offset that it had. Only of what may be a document does it read more than the beginning.
func isSealedBody(body io.ReadSeeker) (sealed bool, err error) {
	start, err := body.Seek(0, io.SeekCurrent)
	if err != nil {
		return false, err
	}
	defer func() {
		_, back := body.Seek(start, io.SeekStart)
		err = errors.Join(err, back)
	}()
	var first [len(ageBeginning)]byte
	n, err := io.ReadFull(body, first[:])
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return false, nil // it is shorter than either
	case err != nil:
		return false, err
	case string(first[:n]) == ageBeginning:
		return true, nil
	case first[0] != '{':
		return false, nil
	}
	rest, err := io.ReadAll(io.LimitReader(body, manifest.MaxStoredDocument))
	return err == nil && isSealedDocument(append(first[:n:n], rest...)), err
}

// clearFields are what a sealed document says to everybody.
var clearFields = []string{
	"type", "format", "seq", "archive_id", "commit_id", "previous_sha256", "keys", "generation", "key_list", "encryption", "sealed",
	"keep", // of a fence
}

// isSealedDocument reports whether b is a document with no other fields than those that
// may be read by everybody, an age file as its sealed part, and a MAC.
func isSealedDocument(b []byte) bool {
	line, seal, found := bytes.Cut(b, []byte("\n"))
	var fields map[string]json.RawMessage
	var second struct{ SHA256, MAC manifest.Digest }
	if !found || json.Unmarshal(line, &fields) != nil || json.Unmarshal(seal, &second) != nil || second.MAC == (manifest.Digest{}) {
		return false
	}
	if slices.ContainsFunc(slices.Collect(maps.Keys(fields)), func(name string) bool { return !slices.Contains(clearFields, name) }) {
		return false
	}
	if _, _, _, err := manifest.DecodeSealedFence(b); err == nil {
		return true // it has a number, and nothing to seal
	}
	var file []byte // base64 in JSON
	return json.Unmarshal(fields["sealed"], &file) == nil && bytes.HasPrefix(file, []byte(ageBeginning))
}

// DeleteAll implements [storage.BatchDeleter].
func (g guarded) DeleteAll(ctx context.Context, keys []string) (map[string]error, error) {
	return storage.DeleteAll(ctx, g.Storage, keys)
}

// Now implements [storage.Clock], if the store does.
func (g guarded) Now(ctx context.Context) (time.Time, error) { return storage.Now(ctx, g.Storage) }

// Inspect implements [storage.Inspector]; a store that is none has nothing to show.
func (g guarded) Inspect(ctx context.Context) storage.StoreInfo {
	if i, ok := g.Storage.(storage.Inspector); ok {
		return i.Inspect(ctx)
	}
	return storage.StoreInfo{}
}

// ReadObjectLock implements [storage.Locker], if the store does.
func (g guarded) ReadObjectLock(ctx context.Context) (storage.ObjectLock, error) {
	return storage.ReadObjectLock(ctx, g.Storage)
}

// Unwrap returns the store behind this one, for what passes as it is.
func (g guarded) Unwrap() storage.Storage { return g.Storage }

// TurnVersion implements [storage.VersionTurner], if the store does.
func (g guarded) TurnVersion(ctx context.Context, key string) (int, error) {
	if t, ok := g.Storage.(storage.VersionTurner); ok {
		return t.TurnVersion(ctx, key)
	}
	return 0, nil
}

// Tamper implements [storage.Tamperer], if the store does. It is for probes.
func (g guarded) Tamper(ctx context.Context, key string, how storage.Tampering) (storage.TamperOutcome, error) {
	if g.isSealed() && !strings.HasPrefix(key, manifest.ProbePrefix) {
		return "", &PlaintextError{key}
	}
	return storage.Tamper(ctx, g.Storage, key, how)
}

// CheckOrigin implements [storage.OriginChecker], if the store does.
func (g guarded) CheckOrigin(ctx context.Context, key string) error {
	if c, ok := g.Storage.(storage.OriginChecker); ok {
		return c.CheckOrigin(ctx, key)
	}
	return nil
}

// Neighbours implements [storage.NeighbourLister], if the store does.
func (g guarded) Neighbours(ctx context.Context, key string) ([]string, error) {
	if n, ok := g.Storage.(storage.NeighbourLister); ok {
		return n.Neighbours(ctx, key)
	}
	return nil, nil
}
