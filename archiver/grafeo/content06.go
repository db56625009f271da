package grafeo

import (
	"encoding/binary"
	"hash/crc32"
)

// content06 computes [Image.Content]: a sum over the entries of a directory, in any
// order.
type content06 struct{ total uint64 }

func newContent06(nodes, edges uint64) content06 {
	return content06{nodes*0x9e3779b97f4a7c15 + edges*0xc2b2ae3d27d4eb4f}
}

// countersChunk06 is the chunk of a store that holds its counters: the epoch, the
// next ids, the names that it has seen. Commits without changes and transactions that
// were rolled back change it, too. (docs/grafeo-format.md, section 4.1)
const countersChunk06 = 1

// add adds an entry, without the offset of its chunk in the file.
func (c *content06) add(entry []byte) {
	if entry[0] == lpgStoreSection && entry[2] == countersChunk06 {
		return
	}
	var b [36]byte
	copy(b[:], entry[:24])
	copy(b[24:], entry[32:44])
	c.total += uint64(crc32.ChecksumIEEE(b[:])) | uint64(crc32.Checksum(b[:], castagnoli))<<32
}

func (c *content06) sum() uint32 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], c.total)
	return crc32.Checksum(b[:], castagnoli)
}
