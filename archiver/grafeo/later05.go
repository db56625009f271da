package grafeo

import (
	"encoding/binary"
	"hash/crc32"
	"io"
)

// The lengths of a frame with an EpochAdvance record.
const (
	minEpochAdvanceFrame05 = frameLengthField05 + 2 + frameCRCField05
	maxEpochAdvanceFrame05 = frameLengthField05 + maxEpochAdvance05 + frameCRCField05
)

// laterCommit05 looks, after the bad frame at offset from, for a whole frame with an
// EpochAdvance record. It returns the frame's offset, or -1. An interrupted write leaves
// no such frame, but a database that is opened after one appends its commits to the torn
// bytes. (docs/grafeo-format.md, section 5.6)
func laterCommit05(in *logInput, from, size int64) (int64, error) {
	window := make([]byte, bufferFor(size-from))
	for at := from + 1; size-at >= minEpochAdvanceFrame05; {
		p := window[:min(int64(len(window)), size-at)]
		if err := readAt(in, p, at, in.path, "log"); err != nil {
			return -1, err
		}
		for i := 0; i+minEpochAdvanceFrame05 <= len(p); i++ {
			if isEpochAdvance05(p[i:]) {
				return at + int64(i), nil
			}
		}
		if at+int64(len(p)) == size {
			break
		}
		// The next window begins where a frame may not have fitted into this one.
		at += int64(len(p)) - maxEpochAdvanceFrame05 + 1
	}
	return -1, nil
}

// isEpochAdvance05 reports whether p begins with a whole frame that holds an
// EpochAdvance record.
func isEpochAdvance05(p []byte) bool {
	length := int64(binary.LittleEndian.Uint32(p))
	if length < 2 || length > maxEpochAdvance05 || int64(len(p)) < frameLengthField05+length+frameCRCField05 {
		return false
	}
	payload, stored := p[frameLengthField05:frameLengthField05+length], p[frameLengthField05+length:]
	if payload[0] != epochAdvance05 {
		return false
	}
	_, ok := decodeEpochAdvance05(payload, length)
	return ok && crc32.ChecksumIEEE(payload) == binary.LittleEndian.Uint32(stored)
}

// minEncryptedFrames05 is how many frames must fit before a log is taken for an encrypted
// one: a single frame might fit by chance.
const minEncryptedFrames05 = 2

// looksEncrypted05 reports whether a log file whose first frame makes no sense belongs to
// an encrypted database. The frames of one have a length, but no checksum: a nonce of 12
// bytes, the record, and a tag of 16. Without the key, all that can be seen is that the
// lengths lead exactly to the end of the file.
// (docs/grafeo-format.md, section 4.4)
func looksEncrypted05(in *logInput, size int64) (bool, error) {
	const overhead = 12 + 16
	r := io.NewSectionReader(in, 0, size)
	field := make([]byte, frameLengthField05)
	for frames, at := 0, int64(0); ; frames++ {
		if at == size {
			return frames >= minEncryptedFrames05, nil
		}
		if size-at < frameLengthField05 {
			return false, nil
		}
		if err := readAt(r, field, at, in.path, "log"); err != nil {
			return false, err
		}
		length := int64(binary.LittleEndian.Uint32(field))
		if length <= overhead || length > size-at-frameLengthField05 {
			return false, nil
		}
		at += frameLengthField05 + length
	}
}
