package fetch

import (
	"context"
	"errors"
	"io"
	"slices"
	"sort"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Files are the files of an index, to be read where they are: frame by frame, with ranged
// requests. Only the frames' own checksums are checked, so what is read must be proved by
// other means. It is for an image's directory and for logs, which have to be read in an
// order that segments do not have.
//
// An encrypted segment is read as a whole instead, checked, and kept until another one is
// needed. To decrypt a part of it would take three requests, and mostly so much is needed of
// a segment that one is cheaper.
//
// What is in memory, they have in common: so one log file may begin where another one ends.
// They are not for concurrent use.
type Files struct {
	ctx     context.Context // io.ReaderAt has no place for it
	store   *objects.Store
	index   *manifest.Index
	decoder *segment.Decoder
	cache   []cachedFrame // the newest last
	opened  openedSegment
}

// openedSegment is an encrypted segment that was read.
type openedSegment struct {
	segment *manifest.Segment // nil for none
	memory  []byte
	frames  []byte // in that memory
	give    func() // gives the memory back that was taken; nil if none was
}

// File is one of [Files].
type File struct {
	files *Files
	file  *manifest.File
}

type cachedFrame struct {
	number int
	raw    []byte
}

// cachedFrames is enough for a sequential reader and for a directory whose
// blocks are near each other.
const cachedFrames = 4

// Open returns the files of an index, to be closed after use. Their requests end with ctx.
func Open(ctx context.Context, s *objects.Store, ix *manifest.Index) (*Files, error) {
	d, err := segment.NewDecoder(manifest.MaxFrameBytes)
	if err != nil {
		return nil, err
	}
	return &Files{ctx: ctx, store: s, index: ix, decoder: d}, nil
}

// Close frees what the files have in memory.
func (r *Files) Close() {
	r.forget()
	r.decoder.Close()
}

// Of returns one of the files of the index.
func (r *Files) Of(f *manifest.File) *File { return &File{r, f} }

// ReadAt implements [io.ReaderAt]. Holes are read as zeros. An object that is missing or
// damaged is a [*manifest.ObjectError].
func (f *File) ReadAt(p []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, errors.New("negative offset")
	}
	n := 0
	for n < len(p) && offset < f.file.Bytes {
		m, err := f.some(p[n:min(int64(len(p)), int64(n)+f.file.Bytes-offset)], offset)
		n += m
		offset += int64(m)
		if err != nil {
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// some fills p as far as the extent, or hole, at offset reaches.
func (f *File) some(p []byte, offset int64) (int, error) {
	extents := f.file.Extents
	i := sort.Search(len(extents), func(i int) bool { return extents[i].Offset+extents[i].Bytes > offset })
	if i == len(extents) || extents[i].Offset > offset {
		if i < len(extents) {
			p = p[:min(int64(len(p)), extents[i].Offset-offset)]
		}
		clear(p)
		return len(p), nil
	}
	raw, err := f.files.frame(extents[i].Frame)
	if err != nil {
		return 0, err
	}
	from := extents[i].FrameOffset
	return copy(p, raw[from+offset-extents[i].Offset:from+extents[i].Bytes]), nil
}

// read returns the bytes of a frame of a segment.
func (r *Files) read(s *manifest.Segment, f *manifest.Frame) ([]byte, error) {
	if r.store.Ring.IsSealed() {
		if err := r.open(s); err != nil {
			return nil, err
		}
		return decompressIn(r.decoder, nil, r.opened.frames, f)
	}
	if s.IsInline() {
		return decompress(r.decoder, nil, []byte(s.Data[f.Offset:f.Offset+f.StoredBytes]), f)
	}
	stored, err := r.store.ReadPart(r.ctx, s.Key, storage.Range{Offset: f.Offset, Length: f.StoredBytes})
	if err != nil {
		return nil, err
	}
	return decompress(r.decoder, nil, stored, f)
}

// open reads an encrypted segment, unless it was the last one.
func (r *Files) open(s *manifest.Segment) error {
	o := &r.opened
	if o.segment == s {
		return nil
	}
	r.forget()
	var err error
	if o.give, err = r.store.Memory.Take(r.ctx, s.StoredBytes); err != nil {
		return err
	}
	if s.IsInline() {
		o.memory = append(o.memory[:0], s.Data...)
	} else {
		b, err := r.store.ReadSealed(r.ctx, s.Key, s.StoredBytes, s.SHA256, func() []byte { return o.memory })
		if err != nil {
			return err
		}
		o.memory = b
	}
	frames, err := decrypt(r.ctx, r.store, o.memory, s.Key)
	if err == nil {
		o.segment, o.frames = s, frames
	}
	return err
}

// frame returns the bytes of a frame of the index, from memory if it was read lately.
func (r *Files) frame(number int) ([]byte, error) {
	if i := slices.IndexFunc(r.cache, func(c cachedFrame) bool { return c.number == number }); i >= 0 {
		return r.cache[i].raw, nil
	}
	f := &r.index.Frames[number]
	s := &r.index.Segments[f.Segment]
	raw, err := r.read(s, f)
	if errors.Is(err, segment.ErrDamaged) && !s.IsInline() {
		err = r.store.Blame(r.ctx, s.Key, err.Error())
	}
	if err != nil {
		return nil, err
	}
	if len(r.cache) == cachedFrames {
		r.cache = slices.Delete(r.cache, 0, 1)
	}
	r.cache = append(r.cache, cachedFrame{number, raw})
	return raw, nil
}

// forget gives back the memory of the segment that was opened last.
func (r *Files) forget() {
	o := &r.opened
	o.segment, o.frames = nil, nil
	if o.give != nil {
		o.give()
		o.give = nil
	}
	if r.store.Memory.IsLimited() {
		o.memory = nil
	}
}
