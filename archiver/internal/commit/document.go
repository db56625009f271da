package commit

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// newDocument returns archive.json for an archive that does not exist yet.
func newDocument(tool string, c *manifest.Conditions) *manifest.Archive {
	return &manifest.Archive{ArchiveID: manifest.NewID(), CreatedAt: manifest.Now(), Tool: tool, Conditions: c}
}

// createDocument creates archive.json from doc, and returns the one that exists then: of
// two first backups at the same time, both continue with the same.
func createDocument(ctx context.Context, s *objects.Store, doc *manifest.Archive) (*manifest.Archive, error) {
	document := doc.Encode()
	sum := manifest.Sum(document)
	for range objects.Attempts {
		result, err := objects.Retry(ctx, s.Patience, func() (storage.PutResult, error) {
			return s.Storage.Put(ctx, manifest.ArchiveKey, bytes.NewReader(document),
				storage.PutOptions{IfAbsent: true, SHA256: (*[32]byte)(&sum)})
		})
		if err == nil && result.Proved {
			return doc, nil
		}
		if err != nil && !objects.MayExist(err) {
			return nil, err
		}
		b, readErr := s.ReadDocument(ctx, manifest.ArchiveKey)
		switch {
		case readErr == nil:
			return manifest.DecodeArchive(b)
		case err != nil && !errors.Is(err, storage.ErrPreconditionFailed):
			return nil, err
		case !errors.Is(readErr, storage.ErrNotExist):
			return nil, readErr
		}
		// It does not exist, whatever the store has answered.
	}
	return nil, fmt.Errorf("%w: %s", objects.ErrLost, manifest.ArchiveKey)
}
