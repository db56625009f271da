package grafeo

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// Range is a stretch of a file and the checksum that every good copy of it has.
type Range struct {
	Offset int64
	Length int64
	CRC32  uint32

	// Castagnoli is true if CRC32 is a CRC-32C, not the CRC-32 (IEEE) that Grafeo
	// stores. Bytes that contain their own IEEE checksums need it: the CRC of a string
	// followed by its own CRC is the same for all strings, so in IEEE any state of such
	// bytes would pass for any other.
	Castagnoli bool

	What string // for people, for instance "chunk of section LpgStore"
}

// newRangeC returns the range of b at offset with its CRC-32C.
func newRangeC(offset int64, b []byte, what string) Range {
	return Range{offset, int64(len(b)), crc32.Checksum(b, castagnoli), true, what}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// table returns the table for the range's checksum.
func (r *Range) table() *crc32.Table {
	if r.Castagnoli {
		return castagnoli
	}
	return crc32.IEEETable
}

// sortRanges sorts ranges by their offsets.
func sortRanges(ranges []Range) {
	slices.SortStableFunc(ranges, func(a, b Range) int { return cmp.Compare(a.Offset, b.Offset) })
}

// readAt fills p with the bytes at offset. A file that ends before is damaged: the caller
// has checked the size, so it has become shorter.
func readAt(r io.ReaderAt, p []byte, offset int64, path, what string) error {
	n, err := r.ReadAt(p, offset)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return &DamageError{Path: path, Offset: offset + int64(n), What: what + ": the file ends early"}
	default:
		return fmt.Errorf("%s: %w", path, err)
	}
}
