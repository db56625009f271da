package commit

import (
	"context"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
)

// UnreadableError is the error for a document of our own that no reader would accept: it
// must not be committed.
type UnreadableError struct{ Err error }

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("nothing was committed, because it could not be read back: %v", e.Err)
}

// Unwrap returns why it cannot be read.
func (e *UnreadableError) Unwrap() error { return e.Err }

// storeIndex puts the index into the manifest, or into an object that the manifest
// names.
func storeIndex(ctx context.Context, s *objects.Store, m *manifest.Manifest, ix *manifest.Index) error {
	if ix.FitsInManifest() {
		m.Content = ix
		return nil
	}
	raw := ix.Encode()
	packed, err := packIndex(raw)
	if err != nil {
		return err
	}
	if packed, err = s.Ring.SealCatalog(ctx, packed); err != nil {
		return err
	}
	ref := manifest.ObjectRef{StoredBytes: int64(len(packed)), RawBytes: int64(len(raw)), SHA256: manifest.Sum(packed)}
	m.Index = &ref
	ref.Key, err = s.CreateProved(ctx, manifest.IndexKey(m.Folder, ref.SHA256)+s.Ring.Suffix(), ref.SHA256, packed)
	return err
}

// packIndex compresses an encoded index, and makes sure that it can be read back.
func packIndex(raw []byte) ([]byte, error) {
	e, err := segment.NewEncoder(segment.DefaultLevel)
	if err != nil {
		return nil, err
	}
	packed, err := e.AppendFrame(nil, raw)
	if err != nil {
		return nil, err
	}
	if read, err := journal.UnpackIndex(packed, int64(len(raw))); err != nil {
		return nil, &UnreadableError{err}
	} else if _, err := manifest.DecodeIndex(read); err != nil {
		return nil, &UnreadableError{err}
	}
	return packed, nil
}
