package fetch

import (
	"context"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
	"github.com/gbak-s3/gbak-s3/internal/crc32combine"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// maxAtOnce is the largest segment whose memory is allocated at once, which includes all
// ordinary ones. The memory of a larger one grows with the bytes that arrive.
const maxAtOnce = 25 << 20

// reader has what one goroutine needs again for every segment.
type reader struct {
	fetching    *fetching
	frameBytes  int
	storedBytes int64 // of the largest segment that is an ordinary one
	decoder     *segment.Decoder
	stored, raw []byte
}

// prepare makes, for the first segment, what others use again.
func (r *reader) prepare() (err error) {
	if r.decoder == nil {
		r.decoder, err = segment.NewDecoder(manifest.MaxFrameBytes)
	}
	if r.raw == nil {
		r.raw = disk.AlignedBuffer(r.frameBytes)
	}
	return err
}

// take takes memory for a segment; give gives it back.
func (r *reader) take(ctx context.Context, s *manifest.Segment) (give func(), err error) {
	pool := r.fetching.opts.Store.Memory
	bytes := max(r.storedBytes, s.StoredBytes) + int64(r.frameBytes)
	giveAll, err := pool.Take(ctx, bytes)
	if err != nil || !pool.IsLimited() {
		return giveAll, err
	}
	return func() {
		r.stored, r.raw = nil, nil
		giveAll()
	}, nil
}

func (r *reader) close() {
	if r.decoder != nil {
		r.decoder.Close()
	}
}

// segment reads one segment, or what an earlier run has written of it.
func (r *reader) segment(ctx context.Context, number int) error {
	f := r.fetching
	s := &f.opts.Index.Segments[number]
	give, err := r.take(ctx, s)
	if err != nil {
		return err
	}
	defer give()
	if err := r.prepare(); err != nil {
		return err
	}
	if f.opts.Notes != nil && r.readBack(number) {
		return nil
	}
	note := f.opts.Notes.Begin(number)
	if err := r.get(ctx, s); err != nil {
		return err
	}
	for _, i := range f.framesOf[number] {
		frame := f.opts.Index.Frames[i]
		raw, err := r.decoder.Frame(r.raw, r.stored[frame.Offset:frame.Offset+frame.StoredBytes], frame.RawBytes)
		if err != nil {
			return &manifest.ObjectError{Key: f.keyOf(number), Problem: fmt.Sprintf("frame at %d: %v", frame.Offset, err)}
		}
		if cap(raw) > cap(r.raw) {
			r.raw = raw
		}
		for _, p := range f.partsOf[i] {
			b := raw[p.FrameOffset : p.FrameOffset+p.Bytes]
			f.sums.parts[p.file].Add(crc32combine.PartOf(p.Offset, b))
			if err := f.opts.Use(p.file, p.Offset, b); err != nil {
				return err
			}
			note.Add(p.file, p.Offset, b)
			f.opts.Tracker.Add(p.Bytes)
		}
	}
	f.opts.Notes.Add(note)
	return nil
}

// keyOf returns the key of the object in which a segment is, of which something is needed.
func (f *fetching) keyOf(segment int) string {
	if s := &f.opts.Index.Segments[segment]; !s.IsInline() {
		return s.Key
	}
	return f.opts.ManifestKey(f.partsOf[f.framesOf[segment][0]][0].file)
}

// get reads the stored bytes of s, which are those that were stored.
func (r *reader) get(ctx context.Context, s *manifest.Segment) error {
	if s.IsInline() {
		r.stored = append(r.stored[:0], s.Data...)
		return nil
	}
	b, err := r.fetching.opts.Store.ReadSealed(ctx, s.Key, s.StoredBytes, s.SHA256, func() []byte {
		if int64(cap(r.stored)) < s.StoredBytes && s.StoredBytes <= maxAtOnce {
			r.stored = make([]byte, r.storedBytes) // what is not touched costs nothing
		}
		return r.stored
	})
	if b != nil {
		r.stored = b
	}
	return err
}
