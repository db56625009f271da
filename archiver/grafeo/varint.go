package grafeo

import (
	"encoding/binary"
	"errors"
	"math"
)

// maxVarint is the length in bytes of the longest varint of a u64.
const maxVarint = 9

var errVarint = errors.New("not a varint of 64 bits")

// readVarint decodes the unsigned integer, in bincode's standard configuration, with which
// p begins, and returns it with the number of bytes that it takes. A first byte below 251
// is the value itself; 251, 252 and 253 announce 2, 4 and 8 bytes, little endian. Anything
// else, also 128 bit numbers and a p that is too short, is errVarint. Like the database, it
// accepts a form that is longer than necessary. (docs/grafeo-format.md, section 3.1)
func readVarint(p []byte) (value uint64, length int, err error) {
	if len(p) == 0 {
		return 0, 0, errVarint
	}
	switch tag := p[0]; {
	case tag < 251:
		return uint64(tag), 1, nil
	case tag == 251 && len(p) >= 3:
		return uint64(binary.LittleEndian.Uint16(p[1:])), 3, nil
	case tag == 252 && len(p) >= 5:
		return uint64(binary.LittleEndian.Uint32(p[1:])), 5, nil
	case tag == 253 && len(p) >= 9:
		return binary.LittleEndian.Uint64(p[1:]), 9, nil
	}
	return 0, 0, errVarint
}

// readVarints decodes the len(values) varints with which p begins and returns the number
// of bytes that they take.
func readVarints(p []byte, values ...*uint64) (length int, err error) {
	for _, v := range values {
		value, n, err := readVarint(p[length:])
		if err != nil {
			return length, err
		}
		*v = value
		length += n
	}
	return length, nil
}

// appendVarint appends v in the shortest form, as the database writes it.
func appendVarint(b []byte, v uint64) []byte {
	switch {
	case v < 251:
		return append(b, byte(v))
	case v <= math.MaxUint16:
		return binary.LittleEndian.AppendUint16(append(b, 251), uint16(v))
	case v <= math.MaxUint32:
		return binary.LittleEndian.AppendUint32(append(b, 252), uint32(v))
	}
	return binary.LittleEndian.AppendUint64(append(b, 253), v)
}

// appendVarints appends several.
func appendVarints(b []byte, values ...uint64) []byte {
	for _, v := range values {
		b = appendVarint(b, v)
	}
	return b
}
