package pack

import (
	"context"
	"errors"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/pages"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Prepared is an image that was stored ahead of a full backup, which refers to it wherever a
// page has not changed since. No record names it, and no checksum proves it as a whole: it may
// be of several moments. What proves the full backup are the bytes that are read for that.
type Prepared struct {
	index     *manifest.Index
	archiveID string
	database  manifest.Database
	keep      manifest.Seq // the newest one when it was stored
	keys      int          // the newest generation of keys when that began
}

// fits reports whether a full backup of s on head may refer to what was prepared. No keep may
// have come since: so a backup that existed then, to whose segments the prepared image refers,
// exists still, and nothing of the generation in which the rest was stored is dead. And no new keys
// may have come: it may have been stored after somebody was removed who opens it.
func (p *Prepared) fits(head *commit.Head, s *capture.Source) bool {
	if p == nil || !pages.IsShareable(s) || len(p.index.Image().Pages) == 0 {
		return false
	}
	database := s.Database()
	return p.archiveID == head.Archive.ArchiveID && p.keep == head.NewestKeep() && p.keys == head.Store.Ring.Generation() &&
		p.database.Generation == database.Generation && p.database.Is(&database)
}

// Prepare stores the image of the database at path, so that a full backup which follows has
// little left to send. It returns nil if the database has no image.
func (p *Packer) Prepare(ctx context.Context, path string) (*Prepared, error) {
	var done *Prepared
	keys := p.head.Store.Ring.Generation()
	err := UntilStable(ctx, path, func() error {
		s, err := capture.ImageOf(path, p.head.Parent)
		if err != nil || len(s.Files) == 0 {
			return err
		}
		log, err := grafeo.LogBytes(grafeo.LogDir(path))
		if err != nil {
			return err
		}
		segmentBytes := SegmentBytes(p.options.SegmentBytes, s.Bytes()+log)
		var c Packed
		for range objects.Attempts {
			if c, err = p.store(ctx, s, segmentBytes, false); !errors.Is(err, objects.ErrLost) {
				break
			}
		}
		if err == nil {
			done = &Prepared{c.Index, p.head.Archive.ArchiveID, s.Database(), p.head.NewestKeep(), keys}
		}
		return err
	})
	return done, err
}

// reference returns what a source may refer to: the image that was prepared for it, or else the
// newest full backup; nil if it may refer to nothing.
func (p *Packer) reference(ctx context.Context, s *capture.Source) (*pages.Reference, error) {
	switch {
	case p.options.Fresh:
		return nil, nil
	case p.options.Prepared.fits(p.head, s):
		return pages.Of(p.head, p.options.Prepared.index, p.options.Since, p.options.Log), nil
	}
	return pages.Find(ctx, p.head, s.Parent, s, p.options.Since, p.options.Log)
}
