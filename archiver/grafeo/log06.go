package grafeo

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// Reader06 reads the groups of one 0.6 log segment from front to back. Its
// memory does not depend on the input.
type Reader06 struct {
	src    source
	header SegmentHeader
	end    int64  // of the last group
	endCRC uint32 // CRC-32C of the bytes before end
	prefix [maxPrefix06]byte
}

// NewReader06 reads the header of the segment r and returns a reader of its groups; path
// is for messages. The errors are those of a damaged or unknown header, and
// [ErrEncrypted].
func NewReader06(r io.Reader, path string) (*Reader06, error) {
	return newReader06(newSource(r, sourceBuffer, path))
}

func newReader06(src source) (*Reader06, error) {
	r := &Reader06{src: src}
	p, err := r.src.peek(segmentHeaderLength)
	if err != nil && !errors.Is(err, errShort) {
		return nil, err
	}
	if r.header, err = decodeSegmentHeader06(p, src.path); err != nil {
		return nil, err
	}
	if r.header.Encrypted {
		return nil, fmt.Errorf("%s: %w", src.path, ErrEncrypted)
	}
	if err := r.src.take(segmentHeaderLength, nil); err != nil {
		return nil, err
	}
	r.src.sum()
	r.end, r.endCRC = r.src.offset, r.src.whole
	return r, nil
}

// Header returns the segment's header.
func (r *Reader06) Header() SegmentHeader { return r.header }

// End returns the offset after the last group that Next returned, or after the header,
// and the CRC-32C of the bytes before it.
func (r *Reader06) End() (offset int64, crc uint32) { return r.end, r.endCRC }

// lsn returns the log position of an offset in the segment.
func (r *Reader06) lsn(offset int64) uint64 {
	return r.header.FirstLSN + uint64(offset-segmentHeaderLength)
}

// Next returns the next group. The error is io.EOF if the input ends with a group; for a
// frame that is cut off, wrong or out of place it is a [DamageError] at the offset of that
// frame. (docs/grafeo-format.md, sections 6.2 and 6.3)
func (r *Reader06) Next() (Commit, error) {
	r.src.startCommit()
	first, err := r.frame()
	if err != nil {
		return Commit{}, err
	}
	if !first.isFirst() {
		return Commit{}, r.src.torn(first.offset, "a frame inside a group where a group must start")
	}
	c := Commit{Start: first.offset, LSN: r.lsn(first.offset)}
	if err := r.begin(&c, &first); err != nil {
		return Commit{}, err
	}
	for last := first; !last.isLast(); {
		at := r.src.offset
		last, err = r.frame()
		switch {
		case errors.Is(err, io.EOF):
			return Commit{}, r.src.torn(at, "the file ends inside a group")
		case err != nil:
			return Commit{}, err
		case last.isFirst():
			return Commit{}, r.src.torn(at, "a group starts inside another one")
		case last.transactionID != first.transactionID:
			return Commit{}, r.src.torn(at, "a frame of another transaction inside a group")
		}
	}
	r.src.sum()
	c.End, c.EndLSN, c.CRC32C = r.src.offset, r.lsn(r.src.offset), r.src.commit
	r.end, r.endCRC = r.src.offset, r.src.whole
	c.upToEnd = r.endCRC
	return c, nil
}

// begin decodes what the first frame of a group says about the group.
func (r *Reader06) begin(c *Commit, first *frame06) error {
	synced, ok := first.syncedLSN()
	if !ok {
		return r.src.torn(first.offset, "the first frame of a group is too short")
	}
	if synced > c.LSN {
		// The frame is whole, so this is no interrupted write.
		return &DamageError{Path: r.src.path, Offset: first.offset,
			What: fmt.Sprintf("a group at log position %d that says the log was synced up to %d", c.LSN, synced)}
	}
	c.SyncedLSN = synced
	if first.length == prologueLength06 && first.isLast() {
		c.Kind = SyncMark
		return nil
	}
	begin, err := r.groupBegin(first)
	if err != nil {
		return err
	}
	c.HasEpoch, c.Epoch, c.Time = true, begin.epoch, fromMillis(begin.time)
	if begin.origin == originSchema {
		c.Kind = Schema
	}
	return nil
}

// room checks that all log positions in a segment of size bytes fit into 64 bits.
func (r *Reader06) room(size int64) error {
	if uint64(max(size-segmentHeaderLength, 0)) > math.MaxUint64-r.header.FirstLSN {
		return &DamageError{Path: r.src.path, What: "segment header: log positions of more than 64 bits"}
	}
	return nil
}

// ContinueReader06 returns a reader of the groups of the log segment name from offset on,
// where a group begins; r has the bytes from there. Its header tells no more than the name.
func ContinueReader06(r io.Reader, name string, offset int64) (*Reader06, error) {
	first, ok := parseLogName(name, Gen06)
	if !ok || offset < segmentHeaderLength {
		return nil, &DamageError{Path: name, Offset: offset, What: "no group of a log segment begins here"}
	}
	src := newSource(r, sourceBuffer, name)
	src.offset = offset
	return &Reader06{src: src, header: SegmentHeader{FirstLSN: first}, end: offset}, nil
}
