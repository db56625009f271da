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

// createInstructions creates the text that tells people how to restore from the archive, unless there
// is one. Whether that is the right one, a verification finds out: nothing is overwritten, and no
// backup needs it. It takes one request.
func createInstructions(ctx context.Context, s *objects.Store, a *manifest.Archive) error {
	text := manifest.Instructions(a.ArchiveID, a.Encryption != nil)
	sum := [32]byte(manifest.Sum(text))
	_, err := objects.Retry(ctx, s.Patience, func() (storage.PutResult, error) {
		return s.Storage.Put(ctx, manifest.InstructionsKey, bytes.NewReader(text), storage.PutOptions{IfAbsent: true, SHA256: &sum})
	})
	switch {
	case err == nil, errors.Is(err, storage.ErrPreconditionFailed):
		return nil
	case !objects.MayExist(err):
		return err
	}
	if _, look := s.Storage.Head(ctx, manifest.InstructionsKey); look != nil {
		return fmt.Errorf("%s: %w", manifest.InstructionsKey, err)
	}
	return nil
}
