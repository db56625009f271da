// Package segment makes and reads segments. A segment is an object that consists of zstd
// frames, one after the other; a frame is up to [FrameBytes] raw bytes, compressed so
// that it can be decompressed by itself (FORMAT.md, "Segments"). An [Encoder] makes
// frames, with a [Level] of compression, and a [Decoder] reads them.
//
// The package knows neither stores nor documents and imports no other package of this
// module.
package segment

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// FrameBytes is how much raw data goes into one frame: large enough that a larger frame
// would compress no better, and small enough that a worker's buffers stay small.
const FrameBytes = 4 << 20

// Encoder compresses frames. It is not safe for concurrent use: each worker has its own.
type Encoder struct {
	appendFrame func(dst, raw []byte) ([]byte, error)
}

// NewEncoder returns an encoder. Frames of all levels and builds have the same format,
// which [Decoder] reads, but different bytes.
func NewEncoder(level Level) (*Encoder, error) {
	if appendFrame := libraryEncoder(level); appendFrame != nil {
		return &Encoder{appendFrame}, nil
	}
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.EncoderLevel(level)), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(true), zstd.WithWindowSize(FrameBytes))
	if err != nil {
		return nil, err
	}
	return &Encoder{func(dst, raw []byte) ([]byte, error) { return e.EncodeAll(raw, dst), nil }}, nil
}

// AppendFrame appends raw as one frame to dst, in dst's memory if that has room for
// [Bound] more bytes. The frame has a checksum of its own (xxh64 of the raw bytes), which
// finds what a hash of the stored bytes cannot: a mistake of the compressor or of the
// memory. An error means that memory ran out; it leaves dst as it was.
func (e *Encoder) AppendFrame(dst, raw []byte) ([]byte, error) { return e.appendFrame(dst, raw) }

// Bound returns the most bytes that the frames of rawBytes raw bytes can take.
func Bound(rawBytes int64) int64 { return rawBytes + rawBytes/128 + 64<<10 }

// ErrDamaged is the error for a frame that is not the one that was written.
var ErrDamaged = errors.New("damaged zstd frame")

// Decoder decompresses frames. It is not safe for concurrent use: each worker has its own.
type Decoder struct {
	zstd *zstd.Decoder
	max  int64
}

// NewDecoder returns a decoder for frames of up to maxRaw raw bytes. It never allocates
// much more than that, whatever a frame claims.
func NewDecoder(maxRaw int64) (*Decoder, error) {
	// The window of a small frame may be larger than its data.
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxMemory(uint64(max(maxRaw, FrameBytes))), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, err
	}
	return &Decoder{d, maxRaw}, nil
}

// Frame decompresses one frame of exactly rawBytes bytes: into buf's memory if that is
// large enough, else into new memory. It returns that memory, for the next call too.
// Anything but a whole frame of that size is [ErrDamaged].
func (d *Decoder) Frame(buf, stored []byte, rawBytes int64) ([]byte, error) {
	if rawBytes < 0 || rawBytes > d.max {
		return buf, fmt.Errorf("%w: %d raw bytes", ErrDamaged, rawBytes)
	}
	// With the cap limit on, decompression stops at the buffer's capacity: it
	// must be exact, or a frame that is too large would pass.
	if int64(cap(buf)) < rawBytes {
		buf = make([]byte, 0, rawBytes)
	}
	raw, err := d.zstd.DecodeAll(stored, buf[:0:rawBytes])
	if err != nil {
		return buf, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if int64(len(raw)) != rawBytes {
		return buf, fmt.Errorf("%w: %d raw bytes where %d are expected", ErrDamaged, len(raw), rawBytes)
	}
	return raw, nil
}

// NewReader returns a reader of the raw bytes of one frame, which takes less memory than all
// of them. If there are not exactly rawBytes, the error is [ErrDamaged]. The reader must be
// closed.
func NewReader(stored []byte, rawBytes int64) (io.ReadCloser, error) {
	d, err := zstd.NewReader(bytes.NewReader(stored), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(uint64(max(rawBytes, FrameBytes)))) //nolint:gosec // not negative
	if err != nil {
		return nil, err
	}
	return &frameReader{d, rawBytes}, nil
}

type frameReader struct {
	zstd *zstd.Decoder
	left int64
}

// Read implements [io.Reader].
func (r *frameReader) Read(p []byte) (int, error) {
	n, err := r.zstd.Read(p)
	switch r.left -= int64(n); {
	case r.left < 0 || errors.Is(err, io.EOF) && r.left > 0:
		return 0, fmt.Errorf("%w: it does not have as many raw bytes as are expected", ErrDamaged)
	case err != nil && !errors.Is(err, io.EOF):
		return n, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return n, err
}

// Close frees the reader's memory.
func (r *frameReader) Close() error {
	r.zstd.Close()
	return nil
}

// Close frees the decoder's memory.
func (d *Decoder) Close() { d.zstd.Close() }
