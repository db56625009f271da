package pack

import (
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
)

// building is a segment in the making.
type building struct {
	encoder  *segment.Encoder
	gathered *gathered
	body     []byte // of [segments]; its capacity is that of a segment
	front    int    // where its frames begin
	packed   *packed
}

// packed is what became of a stripe, or of a part of it that is a segment by itself.
type packed struct {
	segment *storedSegment // that has the frames; nil if nothing is fresh
	frames  []manifest.Frame
	extents []extent
}

// extent is a range of a file, in a frame of the stripe or of the reference.
type extent struct {
	file   int
	where  manifest.Extent
	shared bool // the frame is the reference's
}

// rawBytes returns how many bytes the frames have.
func (p *packed) rawBytes() (n int64) {
	for _, f := range p.frames {
		n += f.RawBytes
	}
	return n
}

// gathered is what is fresh of several frames of the source, until it is one frame of the
// segment.
type gathered struct {
	limit   int64
	raw     []byte
	extents []int // of the packed, those that are in it
}

func (g *gathered) reset() { g.raw, g.extents = g.raw[:0], g.extents[:0] }

// hasRoom reports whether n more raw bytes fit, even if neither they nor what was
// gathered compress. An empty segment always has room for a frame.
func (b *building) hasRoom(n int64) bool {
	more := segment.Bound(n+int64(len(b.gathered.raw))) + segment.Bound(0) // two frames
	return len(b.body) == b.front || int64(len(b.body))+more <= int64(cap(b.body))
}

// add adds a frame of the source that is divided into parts: as a frame, if all of it is
// fresh; otherwise what is fresh is gathered.
func (b *building) add(parts []part, raw []byte) error {
	number := 0
	isFresh := !slices.ContainsFunc(parts, func(p part) bool { return p.kind != fresh })
	if isFresh {
		var err error
		if number, err = b.compress(raw); err != nil {
			return err
		}
	}
	at := int64(0)
	for _, p := range parts {
		e := extent{file: p.file, where: manifest.Extent{Offset: p.offset, Bytes: p.bytes}}
		switch {
		case p.kind == zeros:
		case p.kind == shared:
			e.where.Frame, e.where.FrameOffset, e.shared = p.frame, p.frameOffset, true
			b.packed.extents = append(b.packed.extents, e)
		case isFresh:
			e.where.Frame, e.where.FrameOffset = number, at
			b.packed.extents = append(b.packed.extents, e)
		default:
			if err := b.gather(e, raw[at:at+p.bytes]); err != nil {
				return err
			}
		}
		at += p.bytes
	}
	return nil
}

// gather puts the bytes of e beside others that are fresh.
func (b *building) gather(e extent, raw []byte) error {
	g := b.gathered
	if len(g.raw)+len(raw) > segment.FrameBytes {
		if err := b.flush(); err != nil {
			return err
		}
	}
	if g.raw == nil {
		g.raw = make([]byte, 0, g.limit)
	}
	e.where.FrameOffset = int64(len(g.raw))
	g.raw = append(g.raw, raw...)
	g.extents = append(g.extents, len(b.packed.extents))
	b.packed.extents = append(b.packed.extents, e)
	return nil
}

// flush makes a frame of what was gathered.
func (b *building) flush() error {
	g := b.gathered
	if len(g.raw) == 0 {
		return nil
	}
	number, err := b.compress(g.raw)
	if err != nil {
		return err
	}
	for _, i := range g.extents {
		b.packed.extents[i].where.Frame = number
	}
	g.reset()
	return nil
}

// compress appends a frame, and returns its number.
func (b *building) compress(raw []byte) (n int, err error) {
	start := len(b.body)
	if b.body, err = b.encoder.AppendFrame(b.body, raw); err != nil {
		return 0, err
	}
	b.packed.frames = append(b.packed.frames, manifest.Frame{
		Offset: int64(start - b.front), StoredBytes: int64(len(b.body) - start), RawBytes: int64(len(raw)),
	})
	return len(b.packed.frames) - 1, nil
}
