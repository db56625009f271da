package manifest

// IndexBuilder makes an index of new content and of content from other indexes. It
// numbers segments and frames in the order in which they are added, and keeps each one
// once: what several files, or several indexes, refer to is not fetched twice.
type IndexBuilder struct {
	index    Index
	segments map[Segment]int
	frames   map[Frame]int // those taken from other indexes
}

// NewIndexBuilder returns the builder of an index that has nothing yet.
func NewIndexBuilder() *IndexBuilder {
	return &IndexBuilder{
		index:    Index{Segments: []Segment{}, Frames: []Frame{}, Files: []File{}},
		segments: map[Segment]int{},
		frames:   map[Frame]int{},
	}
}

// Index returns the index as built so far. It shares its memory with the builder.
func (b *IndexBuilder) Index() *Index { return &b.index }

// AddFrame adds a frame that no other index has, and returns its number. The frame is in
// segment s; the segment number in f is ignored.
func (b *IndexBuilder) AddFrame(s Segment, f Frame) int {
	f.Segment = b.segment(s)
	b.index.Frames = append(b.index.Frames, f)
	return len(b.index.Frames) - 1
}

// AddFile adds a file and returns its number. The extents that it has already
// refer to frames of this index.
func (b *IndexBuilder) AddFile(f File) int {
	if f.Extents == nil {
		f.Extents = []Extent{}
	}
	b.index.Files = append(b.index.Files, f)
	return len(b.index.Files) - 1
}

// AddExtent adds an extent to a file, after those that the file has. An extent
// that continues the last one, in the file and in the frame, makes that longer.
func (b *IndexBuilder) AddExtent(file int, e Extent) {
	f := &b.index.Files[file]
	if n := len(f.Extents); n > 0 {
		last := &f.Extents[n-1]
		if last.Frame == e.Frame && last.Offset+last.Bytes == e.Offset && last.FrameOffset+last.Bytes == e.FrameOffset {
			last.Bytes += e.Bytes
			return
		}
	}
	f.Extents = append(f.Extents, e)
}

// From returns a view of ix whose content can be taken into the index.
func (b *IndexBuilder) From(ix *Index) *IndexPart {
	return &IndexPart{builder: b, index: ix, frames: make([]int, len(ix.Frames))}
}

// IndexPart is another index, from which an [IndexBuilder] takes content.
type IndexPart struct {
	builder *IndexBuilder
	index   *Index
	frames  []int // the numbers of its frames in the index that is built, plus 1; 0 if not taken
}

// Frame returns the number that frame n of the other index has in the one that is
// built. It adds the frame, and its segment, if they are not there.
func (p *IndexPart) Frame(n int) int {
	if p.frames[n] == 0 {
		f := p.index.Frames[n]
		p.frames[n] = p.builder.takeFrame(p.index.Segments[f.Segment], f) + 1
	}
	return p.frames[n] - 1
}

// AddSegment adds segment n of the other index, with none of its frames.
func (p *IndexPart) AddSegment(n int) { p.builder.segment(p.index.Segments[n]) }

// AddFile adds f, a file of the other index, with the frames that it needs, and
// returns its number. f and the other index stay as they are.
func (p *IndexPart) AddFile(f File) int {
	extents := make([]Extent, len(f.Extents))
	for i, e := range f.Extents {
		e.Frame = p.Frame(e.Frame)
		extents[i] = e
	}
	f.Extents = extents
	return p.builder.AddFile(f)
}

func (b *IndexBuilder) segment(s Segment) int {
	n, ok := b.segments[s]
	if !ok {
		n = len(b.index.Segments)
		b.segments[s] = n
		b.index.Segments = append(b.index.Segments, s)
	}
	return n
}

func (b *IndexBuilder) takeFrame(s Segment, f Frame) int {
	f.Segment = b.segment(s)
	n, ok := b.frames[f]
	if !ok {
		n = len(b.index.Frames)
		b.frames[f] = n
		b.index.Frames = append(b.index.Frames, f)
	}
	return n
}
