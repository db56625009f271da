package pack

import (
	"context"

	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/pages"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// divider finds out which bytes of a source are stored, which are referred to, and which
// are left out. It is not for concurrent use.
type divider struct {
	files     []capture.File
	reference *pages.Reference // nil if nothing is referred to
	pages     *pages.Digests   // nil if no digests of pages are kept

	digests []pages.Digest // memory
}

// part is a range of a file that is treated alike.
type part struct {
	file          int
	offset, bytes int64
	kind          partKind
	frame         int   // that has a shared part, in the reference's index
	frameOffset   int64 // and where
}

type partKind uint8

const (
	fresh  partKind = iota // to be stored
	zeros                  // which are not stored
	shared                 // in a frame of the reference
)

// divide divides the pieces of f, whose bytes are raw, into parts, in order.
func (d *divider) divide(ctx context.Context, f frame, raw []byte) ([]part, error) {
	var parts []part
	for _, p := range f {
		b := raw[:p.bytes]
		raw = raw[p.bytes:]
		if d.files[p.file].Name != manifest.ImageName {
			parts = append(parts, part{file: p.file, offset: p.offset, bytes: p.bytes})
			continue
		}
		ofImage, err := d.divideImage(ctx, p, b)
		if err != nil {
			return nil, err
		}
		parts = append(parts, ofImage...)
	}
	return parts, nil
}

// divideImage divides a piece of the image, and keeps the digests of its pages.
func (d *divider) divideImage(ctx context.Context, p piece, b []byte) ([]part, error) {
	if d.pages == nil || p.offset%manifest.PageBytes != 0 {
		return appendWithoutZeros(nil, p.file, p.offset, b), nil
	}
	d.digests = d.digests[:0]
	for at := 0; at < len(b); at += manifest.PageBytes {
		d.digests = append(d.digests, d.pages.Of(b[at:min(at+manifest.PageBytes, len(b))]))
	}
	parts, err := d.compare(ctx, p, b)
	if err != nil {
		return nil, err
	}
	return parts, d.pages.Add(ctx, p.offset/manifest.PageBytes, d.digests)
}

// compare divides a piece of the image, the digests of whose pages are known, by what the
// reference has of it.
func (d *divider) compare(ctx context.Context, p piece, b []byte) ([]part, error) {
	if d.reference == nil {
		return appendWithoutZeros(nil, p.file, p.offset, b), nil
	}
	var compared []part
	var changed, cleared int64 // bytes
	find := d.reference.From(p.offset)
	for i, digest := range d.digests {
		offset := p.offset + int64(i)*manifest.PageBytes
		next := part{file: p.file, offset: offset, bytes: min(manifest.PageBytes, p.offset+p.bytes-offset)}
		if at := find.Page(offset, next.bytes); at.IsKnown {
			old, err := d.reference.Digest(ctx, offset/manifest.PageBytes)
			if err != nil {
				return nil, err
			}
			if old == digest {
				next.kind, next.frame, next.frameOffset = shared, at.Frame, at.FrameOffset
				if at.IsHole {
					next.kind = zeros
				}
			}
		}
		switch {
		case next.kind == fresh && digest == d.pages.Zeros:
			cleared += next.bytes // such as a page that is free now: it takes up no space
		case next.kind == fresh:
			changed += next.bytes
		}
		compared = appendPart(compared, next)
	}
	if isMostlyChanged(p.bytes, changed, cleared) {
		return appendWithoutZeros(nil, p.file, p.offset, b), nil
	}
	var parts []part
	for _, c := range compared {
		if at := c.offset - p.offset; c.kind == fresh {
			parts = appendWithoutZeros(parts, c.file, c.offset, b[at:at+c.bytes])
		} else {
			parts = append(parts, c)
		}
	}
	return parts, nil
}

// appendPart appends p, as one with the last part if that is of the same kind and place.
func appendPart(parts []part, p part) []part {
	if n := len(parts); n > 0 {
		last := &parts[n-1]
		follows := p.kind != shared || last.frame == p.frame && last.frameOffset+last.bytes == p.frameOffset
		if last.kind == p.kind && follows {
			last.bytes += p.bytes
			return parts
		}
	}
	return append(parts, p)
}

// appendWithoutZeros appends b, which is fresh and at offset of a file, divided into what
// is to be stored and long stretches of zeros.
func appendWithoutZeros(parts []part, file int, offset int64, b []byte) []part {
	add := func(from, end int, kind partKind) {
		if end > from {
			parts = append(parts, part{file: file, offset: offset + int64(from), bytes: int64(end - from), kind: kind})
		}
	}
	from, at := 0, 0 // b[from:at] is to be stored
	for at < len(b) {
		end := at
		for end < len(b) && pages.IsZero(b[end:min(end+manifest.PageBytes, len(b))]) {
			end = min(end+manifest.PageBytes, len(b))
		}
		if end-at >= manifest.HoleBytes {
			add(from, at, fresh)
			add(at, end, zeros)
			from, at = end, end
			continue
		}
		at = min(max(end, at)+manifest.PageBytes, len(b))
	}
	add(from, at, fresh)
	return parts
}

// isMostlyChanged reports whether all of a piece of so many bytes is stored again: more
// than a fifth of it has changed, or more than a third has changed or become zeros.
func isMostlyChanged(bytes, changed, cleared int64) bool {
	return changed > bytes/5 || changed+cleared > bytes/3
}
