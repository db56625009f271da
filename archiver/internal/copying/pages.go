package copying

import (
	"context"
	"sort"
	"sync"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/fetch"
	"github.com/gbak-s3/gbak-s3/archiver/internal/pages"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// digestSpan is how much of an image is read before its digests are stored: those of so many bytes are
// in memory at a time.
const digestSpan = 32 * manifest.PagesSpan

// storeDigests stores the digests of the pages of a full backup in the target, so that the next full
// backup there finds what has not changed. They are keyed by the archive, so the image is read. Only
// the newest full backup is worth that: no later one looks for others.
func (r *run) storeDigests(ctx context.Context, h *commit.Head, c *replica) error {
	image := c.index.Image()
	if c.Seq != r.newestFull || image == nil || len(image.Pages) == 0 {
		return nil
	}
	digests := pages.New(h.Store, c.folder, h.Archive.ArchiveID, image.Bytes, nil)
	for from := int64(0); from < image.Bytes; from += digestSpan {
		if err := r.digest(ctx, c, digests, partOf(image, from, min(from+digestSpan, image.Bytes))); err != nil {
			return err
		}
	}
	c.pages = digests.Refs
	return nil
}

// partOf returns the part of an image between two offsets, which are multiples of a page's size but
// for the image's end.
func partOf(image *manifest.File, from, to int64) *manifest.File {
	part := &manifest.File{Name: image.Name, From: from, Bytes: to}
	for _, e := range image.Extents {
		if before := from - e.Offset; before > 0 {
			e.Offset, e.FrameOffset, e.Bytes = from, e.FrameOffset+before, e.Bytes-before
		}
		if e.Bytes = min(e.Bytes, to-e.Offset); e.Bytes > 0 {
			part.Extents = append(part.Extents, e)
		}
	}
	return part
}

// digest adds the digests of the pages in a part of an image.
func (r *run) digest(ctx context.Context, c *replica, d *pages.Digests, part *manifest.File) error {
	at := part.From // before it, all pages have digests, or will get them when they are read
	for _, e := range part.Extents {
		first, end := wholePages(e, part.Bytes)
		if first >= end {
			continue
		}
		if err := addUnread(ctx, d, part, at, first); err != nil {
			return err
		}
		at = end
	}
	if err := addUnread(ctx, d, part, at, part.Bytes); err != nil {
		return err
	}
	var once sync.Once
	var failed error
	_, err := fetch.All(ctx, fetch.Options{
		Store: r.Source.Store(), Workers: r.Workers, Tracker: progress.Track(context.Background(), 0),
		Index:       &manifest.Index{Segments: c.index.Segments, Frames: c.index.Frames, Files: []manifest.File{*part}},
		ManifestKey: func(int) string { return c.Key() },
		Use: func(_ int, offset int64, p []byte) error {
			first, end := wholePages(manifest.Extent{Offset: offset, Bytes: int64(len(p))}, part.Bytes)
			var all []pages.Digest
			for at := first; at < end; at += manifest.PageBytes {
				all = append(all, d.Of(p[at-offset:min(at+manifest.PageBytes, end)-offset]))
			}
			err := d.Add(ctx, first/manifest.PageBytes, all)
			if err != nil {
				once.Do(func() { failed = err })
			}
			return err
		},
	})
	if failed != nil {
		return failed // which is about the target
	}
	return r.ofSource(err)
}

// wholePages returns from where to where an extent of an image, or of a part that ends there, has whole pages.
func wholePages(e manifest.Extent, imageEnd int64) (first, end int64) {
	first = (e.Offset + manifest.PageBytes - 1) / manifest.PageBytes * manifest.PageBytes
	if end = e.Offset + e.Bytes; end != imageEnd {
		end = end / manifest.PageBytes * manifest.PageBytes
	}
	return first, end
}

// addUnread adds the digests of pages from one offset to another that no extent has as a whole: those
// in none are zeros. Others have none, and are never referred to.
func addUnread(ctx context.Context, d *pages.Digests, part *manifest.File, from, to int64) error {
	const most = 4096 // at a time
	var all []pages.Digest
	first := from / manifest.PageBytes
	extents := part.Extents[sort.Search(len(part.Extents), func(i int) bool { return part.Extents[i].Offset+part.Extents[i].Bytes > from }):]
	for at := from; at < to; at += manifest.PageBytes {
		end := min(at+manifest.PageBytes, to)
		for len(extents) > 0 && extents[0].Offset+extents[0].Bytes <= at {
			extents = extents[1:]
		}
		digest := d.Zeros
		if end-at < manifest.PageBytes {
			digest = d.Of(make([]byte, end-at))
		}
		if len(extents) > 0 && extents[0].Offset < end {
			digest = pages.Digest{}
		}
		if all = append(all, digest); len(all) == most {
			if err := d.Add(ctx, first, all); err != nil {
				return err
			}
			first, all = first+most, all[:0]
		}
	}
	return d.Add(ctx, first, all)
}
