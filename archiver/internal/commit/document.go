package commit

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// begin returns archive.json for an archive that does not exist yet. If it is to be encrypted, its
// keys are made and, unless it is a dry run, durable: nothing was stored yet.
func begin(ctx context.Context, s *objects.Store, o UpdateOptions) (*manifest.Archive, error) {
	if o.MayBegin != nil {
		if err := o.MayBegin(); err != nil {
			return nil, err
		}
	}
	a := &manifest.Archive{ArchiveID: manifest.NewID(), CreatedAt: manifest.Now(), Tool: o.Tool}
	if !s.Ring.Wanted() {
		if s.Ring.IsSealed() { // the one that was here, as this process has seen it
			return nil, seal.ErrNotEncrypted
		}
		return a, nil
	}
	if begun, err := continueDocument(ctx, s, o.Tool); begun != nil || err != nil {
		return begun, err
	}
	keys, err := s.Ring.Begin(a.ArchiveID)
	if err != nil {
		return nil, err
	}
	a.Encryption = &manifest.Encryption{Scheme: manifest.Scheme, Keys: *keys}
	if o.DryRun {
		return a, nil
	}
	stored, err := s.SealArchive(ctx, a)
	if err != nil {
		return nil, err
	}
	return a, s.Ring.Announce(stored)
}

// continueDocument returns archive.json of a first backup that was interrupted, nil if there is none
// to which there is a key.
func continueDocument(ctx context.Context, s *objects.Store, tool string) (*manifest.Archive, error) {
	begun, err := s.Ring.Begun()
	if begun == nil || err != nil {
		return nil, err
	}
	d, err := s.OpenDocument(ctx, manifest.ArchiveKey, begun)
	if _, isKey := errors.AsType[*seal.KeyError](err); isKey {
		s.Log.Warn("a first backup was interrupted, but its writer key is not there: this one begins anew", "err", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a, err := manifest.DecodeArchive(d.Bytes)
	if err != nil {
		return nil, err
	}
	a.CreatedAt, a.Tool, a.Conditions = manifest.Now(), tool, nil
	return a, nil
}

// checkKeys makes sure that a commit can be encrypted, and for those who were given.
func checkKeys(ctx context.Context, r *seal.Ring) error {
	if err := r.CheckWriter(ctx); err != nil {
		return err
	}
	return r.CheckRecipients(ctx)
}

// createDocument creates archive.json from doc, and returns the one that exists then: of
// two first backups at the same time, both continue with the same.
func createDocument(ctx context.Context, s *objects.Store, doc *manifest.Archive) (*manifest.Archive, error) {
	document, err := s.SealArchive(ctx, doc)
	if err != nil {
		return nil, err
	}
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
		d, readErr := s.ReadDocument(ctx, manifest.ArchiveKey)
		switch {
		case readErr == nil:
			return manifest.DecodeArchive(d.Bytes)
		case err != nil && !errors.Is(err, storage.ErrPreconditionFailed):
			return nil, err
		case !errors.Is(readErr, storage.ErrNotExist):
			return nil, readErr
		}
		// It does not exist, whatever the store has answered.
	}
	return nil, fmt.Errorf("%w: %s", objects.ErrLost, manifest.ArchiveKey)
}
