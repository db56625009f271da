package grafeo

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// Range is a stretch of bytes of a file and the checksum that every good copy
// of them has.
type Range struct {
	Offset int64
	Length int64
	CRC32  uint32

	// Castagnoli tells that CRC32 is a CRC-32C and not the CRC-32 (IEEE) that
	// Grafeo stores. Bytes that hold IEEE checksums of themselves need it: the
	// CRC of a string followed by its own CRC is the same for all strings, so
	// in IEEE one state of such bytes would pass for any other.
	Castagnoli bool

	What string // for people, for instance "chunk of section LpgStore"
}

// newRangeC returns the range of b at offset with its CRC-32C.
func newRangeC(offset int64, b []byte, what string) Range {
	return Range{offset, int64(len(b)), crc32.Checksum(b, castagnoli), true, what}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// table is the table for the range's checksum.
func (r *Range) table() *crc32.Table {
	if r.Castagnoli {
		return castagnoli
	}
	return crc32.IEEETable
}

// sortRanges puts ranges in the order of their offsets.
func sortRanges(ranges []Range) {
	slices.SortStableFunc(ranges, func(a, b Range) int { return cmp.Compare(a.Offset, b.Offset) })
}

// readAt fills p from offset on. A file that ends before is damaged: the
// caller has compared with the size, so it got shorter.
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
