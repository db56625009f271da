package archiver

import (
	"context"

	"github.com/gbak-s3/gbak-s3/archiver/internal/certificates"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// certify stores the certificate that build makes of the newest one, of work that has seen the records of l,
// and returns it. See [certificates.Put].
func (a *Archive) certify(ctx context.Context, l *journal.List, build func(newest *manifest.Certificate) manifest.Certificate) (*manifest.Certificate, error) {
	return certificates.Put(ctx, a.writable(l), l.Archive.ArchiveID, func(newest *manifest.Certificate) manifest.Certificate {
		c := build(newest)
		c.ArchiveID, c.MadeAt, c.Tool, c.Host, c.Head = l.Archive.ArchiveID, manifest.Now(), a.tool, a.host, l.Last()
		return c
	})
}

// writable returns the objects of the archive as small ones may be put beside its records.
func (a *Archive) writable(l *journal.List) *objects.Store {
	if c := l.Archive.Conditions; c != nil && c.SingleWriter {
		return a.objects.ForSingleWriter()
	}
	return a.objects
}
