package journal

import (
	"context"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
)

// place puts the index into the manifest, or into an object that the manifest
// names.
func (j *Journal) place(ctx context.Context, m *manifest.Manifest, ix *manifest.Index) error {
	raw := ix.Encode()
	if len(raw) <= maxInlineIndex {
		m.Content = ix
		return nil
	}
	e, err := segment.NewEncoder(segment.DefaultLevel)
	if err != nil {
		return err
	}
	packed, err := e.AppendFrame(nil, raw)
	if err != nil {
		return err
	}
	ref := manifest.ObjectRef{StoredBytes: int64(len(packed)), RawBytes: int64(len(raw)), SHA256: manifest.Sum(packed)}
	ref.Key = manifest.IndexKey(ref.SHA256)
	m.Index = &ref
	if read, err := unpackIndex(packed, ref.RawBytes); err != nil {
		return &UnreadableError{err}
	} else if _, err := manifest.DecodeIndex(read); err != nil {
		return &UnreadableError{err}
	}
	ref.Key, err = j.Store.CreateProved(ctx, ref.Key, ref.SHA256, packed)
	return err
}

// maxInlineIndex is how large an encoded index may be to stand in the manifest;
// a larger one is an object of its own.
const maxInlineIndex = 16 << 10

// UnreadableError is the error for a document of our own that no reader would take:
// it must not be committed.
type UnreadableError struct{ Err error }

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("nothing was committed, because it could not be read back: %v", e.Err)
}

// Unwrap returns why not.
func (e *UnreadableError) Unwrap() error { return e.Err }

// unpackIndex is the reverse. The manifest has bounded rawBytes by what is packed.
func unpackIndex(packed []byte, rawBytes int64) ([]byte, error) {
	d, err := segment.NewDecoder(rawBytes)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Frame(nil, packed, rawBytes)
}
