package objects

import (
	"errors"
	"io"
)

const (
	// firstRead is how many bytes are allocated for an object before any of it has
	// arrived.
	firstRead = 1 << 20
	// readGrowth is how many times what has arrived is allocated next: memory that is
	// dropped again is worse than memory that is not touched yet.
	readGrowth = 8
)

// readWhole reads exactly size bytes, into the memory of buf as far as that reaches.
// Memory grows with what arrives, whatever size somebody has claimed. If r ends early,
// the error is [io.ErrUnexpectedEOF].
func readWhole(r io.Reader, buf []byte, size int64) ([]byte, error) {
	buf = buf[:0]
	for int64(len(buf)) < size {
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), max(min(size, int64(len(buf))*readGrowth), min(size, firstRead)))
			copy(grown, buf)
			buf = grown
		}
		part := buf[len(buf):min(int64(cap(buf)), size)]
		n, err := io.ReadFull(r, part)
		buf = buf[:len(buf)+n]
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return buf, err
		}
	}
	return buf, nil
}
