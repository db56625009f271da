package grafeo

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// sourceBuffer is how much of a log file is in memory at a time, in bytes. No
// frame, however long, needs more.
const sourceBuffer = 128 << 10

// bufferFor is the size of the buffer for an input of that many bytes. It is
// larger than anything that must be looked at as a whole.
func bufferFor(size int64) int64 { return min(max(size, 1024), sourceBuffer) }

// errShort: the input ends before the bytes that were asked for.
var errShort = errors.New("the file ends early")

// source reads a log file from front to back and keeps the checksums of what
// it has handed out.
type source struct {
	r      *bufio.Reader
	path   string
	offset int64  // of the next byte
	whole  uint32 // CRC-32C of the bytes before it
	commit uint32 // CRC-32C of the bytes since startCommit
}

func newSource(r io.Reader, size int64, path string) source {
	return source{r: bufio.NewReaderSize(r, int(bufferFor(size))), path: path}
}

// peek returns the next n bytes without taking them, n being small. If there
// are fewer it returns those and errShort.
func (s *source) peek(n int) ([]byte, error) {
	p, err := s.r.Peek(n)
	return p, s.classify(err)
}

// take moves behind the next n bytes and brings the checksums up to date, also
// the CRC-32 (IEEE) frame if it is not nil.
func (s *source) take(n int64, frame *uint32) error {
	for n > 0 {
		if _, err := s.r.Peek(1); err != nil {
			return s.classify(err)
		}
		p, err := s.r.Peek(int(min(n, int64(s.r.Buffered()))))
		if err != nil {
			return s.classify(err)
		}
		s.whole = crc32.Update(s.whole, castagnoli, p)
		s.commit = crc32.Update(s.commit, castagnoli, p)
		if frame != nil {
			*frame = crc32.Update(*frame, crc32.IEEETable, p)
		}
		if _, err := s.r.Discard(len(p)); err != nil {
			return s.classify(err)
		}
		s.offset += int64(len(p))
		n -= int64(len(p))
	}
	return nil
}

// startCommit begins a new commit checksum.
func (s *source) startCommit() { s.commit = 0 }

// classify makes the end of the input errShort and names the file in other
// errors.
func (s *source) classify(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return errShort
	default:
		return fmt.Errorf("%s: %w", s.path, err)
	}
}

// torn is the error for bytes at offset that may be an interrupted write.
func (s *source) torn(offset int64, what string) error {
	return &DamageError{Path: s.path, Offset: offset, What: what, mayBeTorn: true}
}

// shortAsTorn makes errShort the error of a frame at offset that is cut off.
func (s *source) shortAsTorn(err error, offset int64) error {
	if err == errShort {
		return s.torn(offset, "the file ends inside a frame")
	}
	return err
}
