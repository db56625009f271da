//go:build cgo

package segment

import (
	"encoding/binary"
	"fmt"
	"slices"

	libzstd "github.com/DataDog/zstd"
	"github.com/cespare/xxhash/v2"
)

// DefaultLevel wins end to end (docs/speed.md). A build with cgo compresses by the
// C library, whose second level is faster than the first one in Go, and stores less.
const DefaultLevel = Standard

// Compressor is the language of what compresses at the default level.
const Compressor = "C"

// The place of a frame header's descriptor, and its flag that says that the frame
// ends with a checksum of four bytes. (RFC 8878, section 3.1.1.1.1)
const (
	descriptorAt  = 4
	checksumFlag  = 1 << 2
	checksumBytes = 4
)

// libraryEncoder is an [Encoder.AppendFrame] by the C library, for the levels that
// it is better at; nil for those that are as good, and faster, in Go.
func libraryEncoder(level Level) func(dst, raw []byte) ([]byte, error) {
	number, ok := map[Level]int{Fastest: 1, Standard: 3}[level]
	if !ok {
		return nil
	}
	return func(dst, raw []byte) ([]byte, error) {
		dst = slices.Grow(dst, libzstd.CompressBound(len(raw))+checksumBytes)
		// Without a context of the library's, which it frees as soon as nobody holds
		// it, be it in use or not; to make one each time costs nothing that shows.
		frame, err := libzstd.CompressLevel(dst[len(dst):cap(dst)], raw, number)
		if err != nil {
			return dst, fmt.Errorf("zstd: %w", err)
		}
		// The library's binding has no way to ask for the checksum, so it is added.
		frame[descriptorAt] |= checksumFlag
		return binary.LittleEndian.AppendUint32(dst[:len(dst)+len(frame)], uint32(xxhash.Sum64(raw))), nil //nolint:gosec // its lower half
	}
}
