//go:build cgo

package segment

import (
	"encoding/binary"
	"fmt"
	"slices"

	libzstd "github.com/DataDog/zstd"
	"github.com/cespare/xxhash/v2"
)

// DefaultLevel makes whole backups fastest (docs/speed.md). A build with cgo compresses
// with the C library. Its default level is faster than the fastest one in Go, and stores
// less.
const DefaultLevel = Standard

// Compressor is the language that the compressor of the default level is written in.
const Compressor = "C"

// The offset of the descriptor in a frame, and its flag which says that the frame ends
// with a checksum of four bytes. (RFC 8878, section 3.1.1.1.1)
const (
	descriptorAt  = 4
	checksumFlag  = 1 << 2
	checksumBytes = 4
)

// libraryEncoder returns an [Encoder.AppendFrame] that uses the C library, or nil for the
// levels that are as good, and faster, in Go.
func libraryEncoder(level Level) func(dst, raw []byte) ([]byte, error) {
	number, ok := map[Level]int{Fastest: 1, Standard: 3}[level]
	if !ok {
		return nil
	}
	return func(dst, raw []byte) ([]byte, error) {
		dst = slices.Grow(dst, libzstd.CompressBound(len(raw))+checksumBytes)
		// The binding frees a context of the library as soon as nobody refers to it, even
		// while it is in use. To make a new one for each frame costs nothing measurable.
		frame, err := libzstd.CompressLevel(dst[len(dst):cap(dst)], raw, number)
		if err != nil {
			return dst, fmt.Errorf("zstd: %w", err)
		}
		// The binding has no way to ask for the checksum, so it is added here.
		frame[descriptorAt] |= checksumFlag
		return binary.LittleEndian.AppendUint32(dst[:len(dst)+len(frame)], uint32(xxhash.Sum64(raw))), nil // its lower half
	}
}
