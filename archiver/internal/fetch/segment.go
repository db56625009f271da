package fetch

import (
	"context"
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
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
	frames      []byte // those of the segment, decrypted in the memory of stored
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
		r.stored, r.frames, r.raw = nil, nil, nil
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
	if f.opts.StoredOnly {
		f.opts.Tracker.Add(s.RawBytes)
		return r.getStored(ctx, s)
	}
	note := f.opts.Notes.Begin(number)
	if err := r.get(ctx, number); err != nil {
		return err
	}
	for _, i := range f.framesOf[number] {
		frame := &f.opts.Index.Frames[i]
		raw, err := decompressIn(r.decoder, r.raw, r.frames, frame)
		if err != nil {
			return &manifest.ObjectError{Key: f.keyOf(number), Problem: err.Error()}
		}
		if cap(raw) > cap(r.raw) {
			r.raw = raw
		}
		if len(f.partsOf[i]) == 0 {
			f.opts.Tracker.Add(frame.RawBytes)
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

// decompressIn returns the raw bytes of a frame of a segment, in buf's memory if that is
// large enough.
func decompressIn(d *segment.Decoder, buf, frames []byte, f *manifest.Frame) ([]byte, error) {
	end := f.Offset + f.StoredBytes
	if end > int64(len(frames)) { // an index knows only how long an encrypted segment is
		return buf, fmt.Errorf("%w: it ends at %d, and the segment at %d", segment.ErrDamaged, end, len(frames))
	}
	return decompress(d, buf, frames[f.Offset:end], f)
}

// decompress returns the raw bytes of a frame that is stored like this.
func decompress(d *segment.Decoder, buf, stored []byte, f *manifest.Frame) ([]byte, error) {
	raw, err := d.Frame(buf, stored, f.RawBytes)
	if err != nil {
		err = fmt.Errorf("frame at %d: %w", f.Offset, err)
	}
	return raw, err
}

// get reads the frames of a segment, which are those that were stored.
func (r *reader) get(ctx context.Context, number int) error {
	f := r.fetching
	err := r.getStored(ctx, &f.opts.Index.Segments[number])
	if err != nil {
		return err
	}
	r.frames, err = decrypt(ctx, f.opts.Store, r.stored, f.keyOf(number))
	return err
}

// decrypt returns the frames of a segment, in the memory of stored. What does not
// authenticate is a [*manifest.ObjectError] about the object with this key; without one, in
// the manifest, it is [segment.ErrDamaged].
func decrypt(ctx context.Context, s *objects.Store, stored []byte, key string) ([]byte, error) {
	frames, err := s.Ring.OpenData(ctx, stored)
	damage, isDamaged := errors.AsType[*seal.DamageError](err)
	switch {
	case isDamaged && key == "":
		return nil, fmt.Errorf("%w: %w", segment.ErrDamaged, damage)
	case isDamaged:
		return nil, &manifest.ObjectError{Key: key, Problem: damage.Error()}
	}
	return frames, err
}

// getStored reads the stored bytes of s, which are those that were stored.
func (r *reader) getStored(ctx context.Context, s *manifest.Segment) error {
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
