package grafeotest

import (
	"encoding/binary"
	"hash/crc32"
)

const pageSize = 4096

// AppendVarint appends v as a varint of bincode's standard configuration, in
// the shortest form. (docs/grafeo-format.md, section 3.1)
func AppendVarint(b []byte, v uint64) []byte {
	switch {
	case v < 251:
		return append(b, byte(v))
	case v < 1<<16:
		return binary.LittleEndian.AppendUint16(append(b, 251), uint16(v))
	case v < 1<<32:
		return binary.LittleEndian.AppendUint32(append(b, 252), uint32(v))
	default:
		return binary.LittleEndian.AppendUint64(append(b, 253), v)
	}
}

// putCRC stores the CRC-32 of p[:at] at p[at:].
func putCRC(p []byte, at int) {
	binary.LittleEndian.PutUint32(p[at:], crc32.ChecksumIEEE(p[:at]))
}

// pages returns how many bytes n bytes take in whole pages.
func pages(n int64) int64 { return (n + pageSize - 1) / pageSize * pageSize }
