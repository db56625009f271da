package pack

import (
	"context"
	"encoding/hex"

	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/sent"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// nameOf returns what the folder for a source is named after, which the same source has again.
// In an encrypted archive nobody without its keys can tell which sources it may be of.
func (p *Packer) nameOf(ctx context.Context, s *capture.Source, segmentBytes int64) (string, error) {
	name := p.hashOf(s, segmentBytes)
	if !p.head.Store.Ring.IsSealed() {
		return name, nil
	}
	mac, err := p.mac(ctx, "folder "+name)
	return hex.EncodeToString(mac[:len(name)/2]), err
}

// openNotes has the notes of what was sent before say what of it is in a folder, if the archive
// is encrypted.
func (p *Packer) openNotes(ctx context.Context, to *segments, folder string, isLarge bool) error {
	if !p.head.Store.Ring.IsSealed() {
		return nil
	}
	key, err := p.mac(ctx, "sent")
	if err != nil {
		return err
	}
	to.sent = p.options.Sent
	to.sent.Open(sent.Key(key), p.head.Archive.ArchiveID, folder, isLarge)
	return nil
}

// mac returns the MAC of something that is no document, so that it is that of none.
func (p *Packer) mac(ctx context.Context, what string) (manifest.Digest, error) {
	ring := p.head.Store.Ring
	return ring.MAC(ctx, ring.Generation(), []byte("gbak-s3 "+what))
}
