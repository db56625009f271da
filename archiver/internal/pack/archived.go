package pack

import (
	"context"
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// unarchivedError is the error for a source whose image the archive does not have.
type unarchivedError struct{ err error }

func (e *unarchivedError) Error() string {
	return fmt.Sprintf("the image on which a run began is not in the archive: %v", e.err)
}

func (e *unarchivedError) Unwrap() error { return e.err }

// archivedImage returns the index of the backup that has the image of s, nil if the image is
// among the files of s. It has looked that the store has everything that the image takes. The
// error is an [*unarchivedError] if there is no such backup.
func (p *Packer) archivedImage(ctx context.Context, s *capture.Source) (*manifest.Index, error) {
	if !s.Archived {
		return nil, nil
	}
	seq := p.head.NewestFull()
	if seq == nil {
		return nil, &unarchivedError{errors.New("it is not known which full backup is the newest one")}
	}
	full := p.head.Parent
	if full.Seq != *seq || full.Content == nil && full.Index == nil { // as of a head that was kept
		var err error
		if full, err = p.head.Load(ctx, *seq); err != nil {
			return nil, unarchived(err)
		}
	}
	want := s.Database()
	if d := full.Database; full.Kind != manifest.Full || !d.Is(&want) || d.Generation != want.Generation || d.HeadersCRC32C != want.HeadersCRC32C {
		return nil, &unarchivedError{fmt.Errorf("the one of backup %d is another one", *seq)}
	}
	ix, err := p.head.Index(ctx, full)
	if err != nil {
		return nil, unarchived(err)
	}
	return ix, unarchived(p.checkImage(ctx, ix))
}

// unarchived returns err, which is an [*unarchivedError] if it is about a backup that is
// damaged.
func unarchived(err error) error {
	_, damaged := errors.AsType[*manifest.ObjectError](err)
	if damaged || errors.Is(err, objects.ErrLost) {
		return &unarchivedError{err}
	}
	return err
}

// checkImage looks that the store has the segments of the image in ix.
func (p *Packer) checkImage(ctx context.Context, ix *manifest.Index) error {
	stored := newSegments(p.head.Store, "")
	var needed []manifest.Segment
	seen, folders := map[int]bool{}, map[string]bool{}
	for _, e := range ix.Image().Extents {
		n := ix.Frames[e.Frame].Segment
		segment := ix.Segments[n]
		if seen[n] || segment.IsInline() {
			continue
		}
		seen[n] = true
		if segment.PutAt.Before(p.options.Since) {
			return &unarchivedError{fmt.Errorf("the lock of %s ends too early", segment.Key)}
		}
		needed = append(needed, segment)
		if folder := manifest.SegmentFolderOf(segment.Key); !folders[folder] {
			folders[folder] = true
			if err := stored.list(ctx, []string{folder}); err != nil {
				return err
			}
		}
	}
	for _, segment := range needed {
		if stored.present[segment.Key] != segment.StoredBytes {
			if err := p.head.Store.CheckStored(ctx, segment.Key, segment.StoredBytes); err != nil { // a list may be late
				return err
			}
		}
	}
	return nil
}
