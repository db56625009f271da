package grafeo

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// sourceBuffer is how much of a log file is in memory at a time, in bytes. No frame needs
// more, however long it is.
const sourceBuffer = 128 << 10

// bufferFor returns the size of the buffer for an input of size bytes. It is larger than
// anything that must be seen as a whole.
func bufferFor(size int64) int64 { return min(max(size, 1024), sourceBuffer) }

// errShort: the input ends before the bytes that were asked for.
var errShort = errors.New("the file ends early")

// source reads a log file from front to back and computes checksums of what was taken. It
// is a bufio.Reader that still has the bytes that were taken, so that many small pieces
// are summed up at once.
type source struct {
	r      io.Reader
	path   string
	offset int64 // of the next byte

	buf              []byte
	summed, at, fill int    // buf[summed:at] was taken but not summed up; buf[at:fill] comes next
	whole            uint32 // CRC-32C of the file's bytes
	commit           uint32 // CRC-32C of the bytes since startCommit
}

func newSource(r io.Reader, size int64, path string) source {
	return source{r: r, buf: make([]byte, bufferFor(size)), path: path}
}

// peek returns the next n bytes, which must be few, without taking them. If there are
// fewer, it returns those and errShort. They are valid until the next call.
func (s *source) peek(n int) ([]byte, error) {
	if s.fill-s.at < n {
		if err := s.read(n); err != nil {
			return s.buf[s.at:s.fill], err
		}
	}
	return s.buf[s.at : s.at+n], nil
}

// take skips the next n bytes. If frame is not nil, it adds them to that CRC-32 (IEEE).
func (s *source) take(n int64, frame *uint32) error {
	for n > 0 {
		if s.at == s.fill {
			if err := s.read(1); err != nil {
				return err
			}
		}
		p := s.buf[s.at:min(int64(s.fill), int64(s.at)+n)]
		if frame != nil {
			*frame = crc32.Update(*frame, crc32.IEEETable, p)
		}
		s.at += len(p)
		s.offset += int64(len(p))
		n -= int64(len(p))
	}
	return nil
}

// read makes room and reads until n bytes can be peeked. The error is errShort at the end
// of the input; other errors name the file.
func (s *source) read(n int) error {
	s.sum()
	s.fill = copy(s.buf, s.buf[s.at:s.fill])
	s.summed, s.at = 0, 0
	more, err := io.ReadAtLeast(s.r, s.buf[s.fill:], n-s.fill)
	s.fill += more
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return errShort
	default:
		return fmt.Errorf("%s: %w", s.path, err)
	}
}

// sum adds what was taken to whole and commit.
func (s *source) sum() {
	p := s.buf[s.summed:s.at]
	s.whole = crc32.Update(s.whole, castagnoli, p)
	s.commit = crc32.Update(s.commit, castagnoli, p)
	s.summed = s.at
}

// startCommit begins a new commit checksum.
func (s *source) startCommit() {
	s.sum()
	s.commit = 0
}

// torn returns the error for bytes at offset that may be an interrupted write.
func (s *source) torn(offset int64, what string) error {
	return &DamageError{Path: s.path, Offset: offset, What: what, mayBeTorn: true}
}

// shortAsTorn turns errShort into the error for a frame at offset that is cut off.
func (s *source) shortAsTorn(err error, offset int64) error {
	if errors.Is(err, errShort) {
		return s.torn(offset, "the file ends inside a frame")
	}
	return err
}
