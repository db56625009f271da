package pack

import (
	"context"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
)

// This file decides which of a frame's bytes are stored, which are referred to in an
// earlier backup, and which are left out.

// stretch is a part of a piece all of whose bytes are treated alike.
type stretch struct {
	bytes       int64
	kind        stretchKind
	frame       int // of the base
	frameOffset int64
}

type stretchKind uint8

const (
	kindFresh stretchKind = iota // to be stored
	kindHole                     // zeros, which are not
	kindOld                      // in a frame of the base
)

// gathered collects what is new in several frames of files, until it is a frame in the
// archive.
type gathered struct {
	raw     []byte
	extents []int // that are in it
}

// frame stores, or refers to, the bytes raw of f, which were added to the proof.
func (w *worker) frame(ctx context.Context, r *stored, f frame, raw []byte) error {
	var stretches [][]stretch
	whole := true
	at := int64(0)
	for _, p := range f {
		part := []stretch{{bytes: p.bytes}}
		if w.files[p.file].Name == manifest.ImageName {
			var err error
			if part, err = w.divide(ctx, p, raw[at:at+p.bytes]); err != nil {
				return err
			}
		}
		whole = whole && len(part) == 1 && part[0].kind == kindFresh
		stretches = append(stretches, part)
		at += p.bytes
	}
	number := -1
	if whole {
		var err error
		if number, err = w.compress(r, raw); err != nil {
			return err
		}
	}
	at = 0
	for i, p := range f {
		offset := p.offset
		for _, u := range stretches[i] {
			e := extent{p.file, manifest.Extent{Offset: offset, Bytes: u.bytes}, false}
			switch {
			case u.kind == kindHole:
			case u.kind == kindOld:
				e.Frame, e.FrameOffset, e.old = u.frame, u.frameOffset, true
				r.extents = append(r.extents, e)
			case whole:
				e.Frame, e.FrameOffset = number, at
				r.extents = append(r.extents, e)
			default:
				if err := w.gather(r, e, raw[at:at+u.bytes]); err != nil {
					return err
				}
			}
			offset += u.bytes
			at += u.bytes
		}
	}
	return nil
}

// gather adds the bytes of e to others that are new.
func (w *worker) gather(r *stored, e extent, b []byte) error {
	g := &w.gathered
	if len(g.raw)+len(b) > segment.FrameBytes {
		if err := w.flush(r); err != nil {
			return err
		}
	}
	if g.raw == nil {
		g.raw = make([]byte, 0, min(segment.FrameBytes, w.objectBytes))
	}
	e.FrameOffset = int64(len(g.raw))
	g.raw = append(g.raw, b...)
	g.extents = append(g.extents, len(r.extents))
	r.extents = append(r.extents, e)
	return nil
}

// flush compresses what was gathered as one frame.
func (w *worker) flush(r *stored) error {
	g := &w.gathered
	if len(g.raw) == 0 {
		return nil
	}
	number, err := w.compress(r, g.raw)
	if err != nil {
		return err
	}
	for _, i := range g.extents {
		r.extents[i].Frame = number
	}
	g.raw, g.extents = g.raw[:0], g.extents[:0]
	return nil
}

// divide divides a piece of the image into stretches, and adds the digests of its pages.
func (w *worker) divide(ctx context.Context, p piece, b []byte) ([]stretch, error) {
	if w.pages == nil || p.offset%manifest.PageBytes != 0 {
		return holes(nil, b), nil
	}
	digests := w.digests[:0]
	for at := 0; at < len(b); at += manifest.PageBytes {
		digests = append(digests, w.pages.digest(b[at:min(at+manifest.PageBytes, len(b))]))
	}
	w.digests = digests
	stretches, err := w.compare(ctx, p, b, digests)
	if err != nil {
		return nil, err
	}
	return stretches, w.pages.add(ctx, p.offset/manifest.PageBytes, digests)
}

// compare divides a piece of the image into what the base has and what is new.
func (w *worker) compare(ctx context.Context, p piece, b []byte, digests []pageDigest) ([]stretch, error) {
	if w.base == nil {
		return holes(nil, b), nil
	}
	var stretches []stretch
	var fresh, zeros int64
	find := w.base.find(p.offset)
	for i := range digests {
		offset := p.offset + int64(i)*manifest.PageBytes
		n := min(manifest.PageBytes, p.offset+p.bytes-offset)
		next := stretch{bytes: n}
		if at := find.page(offset, n); at.known {
			old, err := w.base.digest(ctx, offset/manifest.PageBytes)
			if err != nil {
				return nil, err
			}
			if old == digests[i] {
				next = stretch{n, kindOld, at.frame, at.frameOffset}
				if at.hole {
					next = stretch{bytes: n, kind: kindHole}
				}
			}
		}
		switch {
		case next.kind == kindFresh && digests[i] == w.pages.zeros:
			zeros += n // such as a page that is free now: it takes no space
		case next.kind == kindFresh:
			fresh += n
		}
		stretches = appendStretch(stretches, next)
	}
	if isMostlyNew(fresh, zeros, p.bytes) {
		return holes(nil, b), nil
	}
	// What is new may be zeros.
	var divided []stretch
	at := int64(0)
	for _, u := range stretches {
		if u.kind == kindFresh {
			divided = holes(divided, b[at:at+u.bytes])
		} else {
			divided = append(divided, u)
		}
		at += u.bytes
	}
	return divided, nil
}

func appendStretch(stretches []stretch, u stretch) []stretch {
	if n := len(stretches); n > 0 {
		last := &stretches[n-1]
		if last.kind == u.kind && (u.kind != kindOld || last.frame == u.frame && last.frameOffset+last.bytes == u.frameOffset) {
			last.bytes += u.bytes
			return stretches
		}
	}
	return append(stretches, u)
}

// holes divides b into what is to be stored and long stretches of zeros.
func holes(stretches []stretch, b []byte) []stretch {
	from, at := 0, 0 // b[from:at] is to be stored
	for at < len(b) {
		end := at
		for end < len(b) && isZero(b[end:min(end+manifest.PageBytes, len(b))]) {
			end = min(end+manifest.PageBytes, len(b))
		}
		if end-at >= manifest.HoleBytes {
			if at > from {
				stretches = append(stretches, stretch{bytes: int64(at - from)})
			}
			stretches = append(stretches, stretch{bytes: int64(end - at), kind: kindHole})
			from, at = end, end
			continue
		}
		at = min(max(end, at)+manifest.PageBytes, len(b))
	}
	if at > from {
		stretches = append(stretches, stretch{bytes: int64(at - from)})
	}
	return stretches
}
