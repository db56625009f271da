package pack

import (
	"context"

	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/pages"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Estimate is the most that it takes to store a source.
type Estimate struct {
	StoredBytes int64 // of the segments
	IndexBytes  int64 // of the encoded index, without those of segments
	Requests    storage.RequestCounts
}

// Estimate returns what [Packer.Store] of s takes at most, and stores nothing: how well the
// bytes compress, and which of them the reference has, shows only when they are read. It
// takes the requests that find the reference, and does not count them.
//
// A store that fails, that does not prove what it has stored, or that has segments of an
// interrupted run, takes more requests.
func (p *Packer) Estimate(ctx context.Context, s *capture.Source) (Estimate, error) {
	var reference *pages.Reference
	if !p.options.Fresh {
		var err error
		if reference, err = pages.Find(ctx, p.head, s.Parent, s, p.options.Since, p.options.Log); err != nil {
			return Estimate{}, err
		}
	}
	segmentBytes := SegmentBytes(p.options.SegmentBytes, s.Bytes())
	segments, frames := worstSegments(s.Bytes(), segmentBytes)
	e := Estimate{
		StoredBytes: p.storedBytes(s.Bytes()+frames*frameOverhead, segments),
		IndexBytes:  worstIndex(s, segments, frames, reference != nil),
		Requests:    storage.RequestCounts{Put: segments},
	}
	if s.Kind != manifest.Full && s.Bytes() <= segmentBytes &&
		e.StoredBytes <= manifest.MaxInlineBytes && e.IndexBytes <= manifest.MaxContentBytes {
		e.Requests.Put = 0 // the manifest has the segment
	}
	const listPage = 1000
	folders := int64(len(reference.Folders()))
	if s.Bytes() > segmentBytes {
		folders++
	}
	e.Requests.List = folders * (1 + segments/listPage)
	if pages.IsShareable(s) {
		e.Requests.Put += spans(s.Image.Size)
		if reference != nil {
			e.Requests.Get = min(spans(s.Image.Size), int64(len(reference.Index.Image().Pages)))
		}
	}
	if s.Kind == manifest.Full && p.head.Parent != nil {
		// What an earlier full backup has stored under the same key is looked at instead,
		// and read where the store does not tell its digest.
		e.Requests.Head += e.Requests.Put
		e.Requests.Get += e.Requests.Put
	}
	return e, nil
}

// storedBytes returns what the frames of so many segments, of so many bytes, become at most.
func (p *Packer) storedBytes(frames, segments int64) int64 {
	ring := p.head.Store.Ring
	if !ring.IsSealed() && (p.head.Last != nil || !ring.Wanted()) {
		return frames
	}
	return seal.SealedBytes(frames) + max(0, segments-1)*seal.SealedBytes(0)
}

// frameOverhead is more than a frame has beyond its raw bytes if these do not compress.
const frameOverhead = 1 << 10

// worstSegments returns in how many segments, and frames, so many raw bytes are stored at
// most, if a stripe has segmentBytes.
func worstSegments(bytes, segmentBytes int64) (segments, frames int64) {
	room := segment.Bound(min(objectBytes(segmentBytes), bytes))
	count := func(stripes, stripeBytes int64) {
		used := room // by what does not compress, in the segment that is being built
		for left := stripeBytes; left > 0; left -= segment.FrameBytes {
			n := min(left, segment.FrameBytes)
			if used+segment.Bound(n)+segment.Bound(0) > room {
				used = 0
				segments += stripes
			}
			used += n + frameOverhead
			frames += stripes
		}
	}
	count(bytes/segmentBytes, segmentBytes)
	count(1, bytes%segmentBytes)
	return segments, frames
}

// worstIndex returns how large the encoded index of a source can be, with what shares pages
// of its image with an earlier one or not.
func worstIndex(s *capture.Source, segments, frames int64, shares bool) int64 {
	const segmentText, frameText, fileText, extentText, commitText, otherText = 320, 100, 200, 100, 40, 512
	extents := frames + int64(len(s.Files)) + s.Image.Size/manifest.HoleBytes
	if s.Kind == manifest.Incremental {
		extents = frames + int64(len(s.Files)) // it has no part of the image
	}
	if shares {
		extents += s.Image.Size / manifest.PageBytes
	}
	return segments*segmentText + frames*frameText + int64(len(s.Files))*fileText + extents*extentText +
		int64(len(s.CommitTimes))*commitText + spans(s.Image.Size)*segmentText + otherText
}

// spans returns in how many objects the digests of an image's pages are.
func spans(imageBytes int64) int64 { return (imageBytes + manifest.PagesSpan - 1) / manifest.PagesSpan }
