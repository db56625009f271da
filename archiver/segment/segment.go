// Package segment makes and reads segments: objects that are zstd frames, one
// behind the other, each of which can be decompressed by itself (FORMAT.md,
// "Segments"). It knows neither stores nor documents and imports no other
// package of this module.
package segment

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// FrameBytes is how much raw data goes into one frame: large enough that a
// larger one compresses no better, small enough that a worker's buffers are.
const FrameBytes = 4 << 20

// Encoder compresses frames. It is not for concurrent use; each worker has its
// own.
type Encoder struct {
	appendFrame func(dst, raw []byte) ([]byte, error)
}

// NewEncoder makes an encoder. Frames of all levels and builds are of one format,
// and [Decoder] reads them; their bytes differ.
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
// [Bound] bytes more. The frame has its own checksum (xxh64 of the raw bytes): it
// finds what a hash of the stored bytes cannot, a mistake of the compressor or of
// memory. An error, which leaves dst as it was, means that there is no memory.
func (e *Encoder) AppendFrame(dst, raw []byte) ([]byte, error) { return e.appendFrame(dst, raw) }

// Bound is how many bytes the frames of so many raw bytes take at the most.
func Bound(rawBytes int64) int64 { return rawBytes + rawBytes/128 + 64<<10 }

// ErrDamaged: a frame is not the one that was written.
var ErrDamaged = errors.New("damaged zstd frame")

// Decoder decompresses frames. It is not for concurrent use; each worker has
// its own.
type Decoder struct {
	zstd *zstd.Decoder
	max  int64
}

// NewDecoder makes a decoder for frames of up to maxRaw bytes. It never
// allocates much more than that, whatever a frame claims.
func NewDecoder(maxRaw int64) (*Decoder, error) {
	// A small frame may have a window that is larger than all of its data.
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxMemory(uint64(max(maxRaw, FrameBytes))), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, err
	}
	return &Decoder{d, maxRaw}, nil
}

// Frame decompresses one frame of exactly rawBytes bytes into buf's memory if
// that is large enough, else into new memory, which it returns for the next
// call. Anything else than whole frames of that size is [ErrDamaged].
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

// Close frees the decoder's memory.
func (d *Decoder) Close() { d.zstd.Close() }
