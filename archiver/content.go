package archiver

import (
	"context"
	"fmt"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
)

// This file makes of what the workers have stored the index, which says where a
// backup's content is, and puts it into the manifest or an object of its own.

// index puts the workers' results together, and counts them.
func (u *upload) index(stripes [][]*stored) *manifest.Index {
	ix := &manifest.Index{Segments: []manifest.Segment{}, Frames: []manifest.Frame{}, Files: make([]manifest.File, len(u.files))}
	for i, f := range u.files {
		ix.Files[i] = manifest.File{Name: f.name, From: f.from, Bytes: f.bytes, CRC32: u.sums[i].sum(f.bytes), Extents: []manifest.Extent{}}
	}
	if u.pages != nil {
		ix.Image().Pages = u.pages.refs
	}
	segments := map[*sent]int{}
	old := oldFrames{base: u.base, index: ix, segments: map[int]int{}, frames: map[int]int{}}
	for _, r := range slices.Concat(stripes...) {
		first := len(ix.Frames)
		for _, f := range r.frames {
			at, ok := segments[r.segment]
			if !ok {
				at = len(ix.Segments)
				segments[r.segment] = at
				ix.Segments = append(ix.Segments, r.segment.Segment)
				u.count(r.segment)
			}
			f.Segment = at
			ix.Frames = append(ix.Frames, f)
		}
		for _, e := range r.extents {
			if e.old {
				e.Frame = old.frame(e.Frame)
				u.reusedBytes += e.Bytes
			} else {
				e.Frame += first
			}
			ix.Files[e.file].Extents = appendExtent(ix.Files[e.file].Extents, e.Extent)
		}
	}
	return ix
}

func (u *upload) count(s *sent) {
	if !s.shown {
		u.unseen = append(u.unseen, s.Segment)
	}
	if s.fresh {
		u.sent++
		u.storedBytes += s.StoredBytes
	} else {
		u.reusedBytes += s.RawBytes
	}
}

// appendExtent makes one extent of two that belong together.
func appendExtent(extents []manifest.Extent, e manifest.Extent) []manifest.Extent {
	if n := len(extents); n > 0 {
		last := &extents[n-1]
		if last.Frame == e.Frame && last.Offset+last.Bytes == e.Offset && last.FrameOffset+last.Bytes == e.FrameOffset {
			last.Bytes += e.Bytes
			return extents
		}
	}
	return append(extents, e)
}

// oldFrames are those of the base in a new index.
type oldFrames struct {
	base             *base
	index            *manifest.Index
	segments, frames map[int]int // numbers of the base to those of index
}

func (o *oldFrames) frame(n int) int {
	if to, ok := o.frames[n]; ok {
		return to
	}
	f := o.base.index.Frames[n]
	at, ok := o.segments[f.Segment]
	if !ok {
		at = len(o.index.Segments)
		o.segments[f.Segment] = at
		o.index.Segments = append(o.index.Segments, o.base.index.Segments[f.Segment])
	}
	f.Segment = at
	o.frames[n] = len(o.index.Frames)
	o.index.Frames = append(o.index.Frames, f)
	return o.frames[n]
}

// maxInlineIndex is how large an encoded index may be to stand in the manifest;
// a larger one is an object of its own.
const maxInlineIndex = 16 << 10

// place puts the index into the manifest, or into an object that the manifest
// names.
func (a *Archive) place(ctx context.Context, m *manifest.Manifest, ix *manifest.Index) error {
	raw := ix.Encode()
	if len(raw) <= maxInlineIndex {
		m.Content = ix
		return nil
	}
	e, err := segment.NewEncoder(segment.DefaultLevel)
	if err != nil {
		return err
	}
	packed, err := e.AppendFrame(nil, raw)
	if err != nil {
		return err
	}
	ref := manifest.ObjectRef{StoredBytes: int64(len(packed)), RawBytes: int64(len(raw)), SHA256: manifest.Sum(packed)}
	ref.Key = manifest.IndexKey(ref.SHA256)
	m.Index = &ref
	if read, err := unpackIndex(packed, ref.RawBytes); err != nil {
		return unreadable(err)
	} else if _, err := manifest.DecodeIndex(read); err != nil {
		return unreadable(err)
	}
	return a.putShown(ctx, &ref.Key, ref.SHA256, packed)
}

// unreadable is the error for a document of our own that no reader would take:
// it must not be committed.
func unreadable(err error) *Error {
	return &Error{
		Code: CodeFailed,
		Err:  fmt.Errorf("nothing was committed, as it could not be read back: %w", err),
		Hint: "This is a defect of gbak-s3. Please report it with what an inspection of the database says.",
	}
}

// unpackIndex is the reverse. The manifest has bounded rawBytes by what is packed.
func unpackIndex(packed []byte, rawBytes int64) ([]byte, error) {
	d, err := segment.NewDecoder(rawBytes)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Frame(nil, packed, rawBytes)
}
