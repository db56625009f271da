package objects

import (
	"context"

	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// openNote opens a certificate or a pinned digest of an encrypted archive, which may be of any
// generation of its keys.
func (s *Store) openNote(ctx context.Context, key string, stored []byte) ([]byte, error) {
	n, err := manifest.DecodeSealedNote(key, stored)
	if err != nil {
		return nil, err
	}
	if n.ArchiveID != s.Ring.ArchiveID() {
		return nil, &seal.DamageError{Problem: "it belongs to another archive"}
	}
	if err := s.Ring.CheckMAC(ctx, n.Generation, n.Line, n.MAC); err != nil {
		return nil, err
	}
	if err := n.CheckFormat(); err != nil {
		return nil, err
	}
	document, err := s.Ring.OpenCatalog(ctx, n.Sealed)
	if err != nil {
		return nil, err
	}
	return document, n.Agrees(document)
}

// SealCertificate returns a certificate as it is stored, by the newest keys.
func (s *Store) SealCertificate(ctx context.Context, c *manifest.Certificate) ([]byte, error) {
	if c.Generation = s.Ring.Generation(); c.Generation == 0 {
		return c.Encode(), nil
	}
	return c.Seal(s.sealFor(ctx, c.Generation), s.mac(ctx, c.Generation))
}

// SealDigest returns a pinned digest as it is stored, by the newest keys.
func (s *Store) SealDigest(ctx context.Context, p *manifest.DigestPin) ([]byte, error) {
	if p.Generation = s.Ring.Generation(); p.Generation == 0 {
		return p.Encode(), nil
	}
	return p.Seal(s.sealFor(ctx, p.Generation), s.mac(ctx, p.Generation))
}
