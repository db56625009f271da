package archiver

import (
	"cmp"
	"hash/crc32"
	"slices"
	"sync"

	"github.com/gbak-s3/gbak-s3/internal/crc32combine"
)

// checksum is the CRC-32 of a file, from the offset at on, whose parts come in
// any order, from several goroutines. Where no part comes, the file has zeros.
type checksum struct {
	at    int64
	mu    sync.Mutex
	parts []checkedPart
}

type checkedPart struct {
	offset, bytes int64
	crc           uint32
}

// add takes the bytes at offset. Parts must not overlap.
func (c *checksum) add(offset int64, p []byte) { c.addChecked(checked(offset, p)) }

func checked(offset int64, p []byte) checkedPart {
	return checkedPart{offset, int64(len(p)), crc32.ChecksumIEEE(p)}
}

func (c *checksum) addChecked(part checkedPart) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parts = append(c.parts, part)
}

// sum is the checksum up to the end of a file of this many bytes.
func (c *checksum) sum(bytes int64) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.SortFunc(c.parts, func(a, b checkedPart) int { return cmp.Compare(a.offset, b.offset) })
	var crc uint32
	at := c.at
	for _, p := range c.parts {
		crc = crc32combine.Zeros(crc, p.offset-at)
		crc = crc32combine.Combine(crc, p.crc, p.bytes)
		at = p.offset + p.bytes
	}
	return crc32combine.Zeros(crc, bytes-at)
}
