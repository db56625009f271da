package grafeo

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// laterSync06 looks, after the bad frame at offset bad of the newest segment, for a group
// whose first frame says that the log was synced beyond bad. If there is one, the bad
// frame was once whole on disk, so this is damage; the result says why. If there is none,
// the result is "": those bytes and all after them were never synced, and disks write such
// bytes in any order.
// (docs/grafeo-format.md, section 6.3)
func laterSync06(in *logInput, firstLSN uint64, bad int64) (string, error) {
	s := &search06{
		in:       in,
		firstLSN: firstLSN,
		window:   make([]byte, bufferFor(in.size-bad)),
		scratch:  make([]byte, bufferFor(in.size-bad)),
		budget:   2*(in.size-bad) + 1<<20,
	}
	for at := bad + 1; in.size-at >= frameHeaderLength; {
		f, err := s.nextFrame(at)
		if err != nil {
			return "", err
		}
		if s.budget < 0 {
			return "the frames after it overlap", nil
		}
		if f == nil {
			break
		}
		if f.flags&^(frameFirst|frameLast) != 0 {
			return "", &UnsupportedVersionError{in.path, "log frame with flags", fmt.Sprintf("%#x", f.flags)}
		}
		if synced, ok := f.syncedLSN(); ok && f.isFirst() && synced > s.lsn(bad) {
			return fmt.Sprintf("the group at offset %d says that the log was synced up to log position %d, which is after it",
				f.offset, synced), nil
		}
		at = f.offset + frameHeaderLength + f.length
	}
	return "", nil
}

// search06 finds whole frames whose offsets are not known.
type search06 struct {
	in       *logInput
	firstLSN uint64
	window   []byte
	filled   int64 // how much of the window is in use
	start    int64 // offset of the window
	scratch  []byte

	// budget is how many bytes may still be read for the checksums of what looks like
	// a frame. In a log that a database wrote, frames do not overlap; in one that was
	// made to keep a reader busy they would.
	budget int64
}

func (s *search06) lsn(offset int64) uint64 { return s.firstLSN + uint64(offset-segmentHeaderLength) }

// nextFrame returns the first whole frame at the offset at or later, or nil if there is
// none or the budget is used up. A frame contains its own log position, so hardly any
// other bytes look like one.
func (s *search06) nextFrame(at int64) (*frame06, error) {
	for ; s.in.size-at >= frameHeaderLength && s.budget >= 0; at++ {
		if at < s.start || at+frameHeaderLength > s.start+s.filled {
			if err := s.move(at); err != nil {
				return nil, err
			}
		}
		head := s.window[at-s.start:][:frameHeaderLength]
		if binary.LittleEndian.Uint64(head[8:]) != s.lsn(at) {
			continue
		}
		f, stored := decodeFrameHeader06(head, at)
		if f.length > maxFramePayload06 || f.length > s.in.size-at-frameHeaderLength {
			continue
		}
		crc, err := s.payload(&f, headerCRC06(head))
		if err != nil {
			return nil, err
		}
		if crc == stored {
			return &f, nil
		}
	}
	return nil, nil
}

// move fills the window from an offset on.
func (s *search06) move(at int64) error {
	s.start, s.filled = at, min(int64(len(s.window)), s.in.size-at)
	return readAt(s.in, s.window[:s.filled], at, s.in.path, "log")
}

// payload reads the payload of f, keeps its prologue, and returns the frame's checksum;
// crc is that of the header.
func (s *search06) payload(f *frame06, crc uint32) (uint32, error) {
	s.budget -= f.length
	at, end := f.offset+frameHeaderLength, f.offset+frameHeaderLength+f.length
	if end <= s.start+s.filled {
		p := s.window[at-s.start : end-s.start]
		f.prefix = p[:min(len(p), prologueLength06)]
		return crc32.Update(crc, crc32.IEEETable, p), nil
	}
	for at < end {
		p := s.scratch[:min(int64(len(s.scratch)), end-at)]
		if err := readAt(s.in, p, at, s.in.path, "log"); err != nil {
			return 0, err
		}
		if f.prefix == nil {
			f.prefix = append(f.prefix, p[:min(len(p), prologueLength06)]...)
		}
		crc = crc32.Update(crc, crc32.IEEETable, p)
		at += int64(len(p))
	}
	return crc, nil
}
