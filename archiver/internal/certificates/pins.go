package certificates

import (
	"context"
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Pin makes p the digest of its state, unless the state has one of this scheme already. It returns
// the one that it has then, and whether that is p.
func Pin(ctx context.Context, s *objects.Store, p manifest.DigestPin) (pinned *manifest.DigestPin, isNew bool, err error) {
	before, err := FindPin(ctx, s, p.ArchiveID, p.State, manifest.DigestScheme(p.Digest))
	if before != nil || err != nil {
		return before, false, err
	}
	document, err := s.SealDigest(ctx, &p)
	if err != nil {
		return nil, false, err
	}
	isOurs, err := s.CreateOnce(ctx, p.ObjectKey(), document)
	if isOurs || err != nil {
		return &p, err == nil, err
	}
	before, err = FindPin(ctx, s, p.ArchiveID, p.State, manifest.DigestScheme(p.Digest))
	if before == nil && err == nil {
		err = fmt.Errorf("the store says both that %s exists and that it does not", p.ObjectKey())
	}
	return before, false, err
}

// FindPin returns the digest of a state by a scheme, nil if it has none. One that is damaged is a
// [*manifest.ObjectError].
func FindPin(ctx context.Context, s *objects.Store, archiveID string, state manifest.StateID, scheme string) (*manifest.DigestPin, error) {
	key := manifest.DigestKey(archiveID, state, scheme)
	d, err := s.ReadDocument(ctx, key)
	if errors.Is(err, storage.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := manifest.DecodeDigestPin(d.Bytes)
	switch {
	case errors.Is(err, manifest.ErrDamaged):
		return nil, &manifest.ObjectError{Key: key, Problem: err.Error()}
	case err != nil:
		return nil, fmt.Errorf("%s: %w", key, err)
	case p.ObjectKey() != key:
		return nil, &manifest.ObjectError{Key: key, Problem: "it is the digest of another state"}
	}
	return p, nil
}
