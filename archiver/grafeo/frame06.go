package grafeo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
)

// The frames of a 0.6 log. (docs/grafeo-format.md, section 6.2)
const (
	frameHeaderLength = 25
	frameFirst        = 1
	frameLast         = 2
	maxFramePayload06 = 1 << 30

	prologueLength06   = 8 // the synced LSN that the first frame of a group begins with
	recordHeaderLength = 6

	// maxPrefix06 is how much of a payload must be decoded: the prologue, and the
	// GroupBegin record with its three numbers.
	maxPrefix06 = prologueLength06 + recordHeaderLength + 3*maxVarint
)

// SyncMarkLength is the length of a [SyncMark] in the log of 0.6, which no other group is as short as.
const SyncMarkLength = frameHeaderLength + prologueLength06

// frame06 is a frame whose checksum is right.
type frame06 struct {
	offset        int64 // in the segment
	length        int64 // of the payload
	transactionID uint64
	flags         byte
	prefix        []byte // of the payload, at most maxPrefix06 bytes; valid until the next frame is read
}

func (f *frame06) isFirst() bool { return f.flags&frameFirst != 0 }
func (f *frame06) isLast() bool  { return f.flags&frameLast != 0 }

// syncedLSN returns the prologue of a first frame.
func (f *frame06) syncedLSN() (uint64, bool) {
	if len(f.prefix) < prologueLength06 {
		return 0, false
	}
	return binary.LittleEndian.Uint64(f.prefix), true
}

// frame reads the next frame. The error is io.EOF if the input ends before it.
func (r *Reader06) frame() (frame06, error) {
	at := r.src.offset
	head, err := r.src.peek(frameHeaderLength)
	if errors.Is(err, errShort) && len(head) == 0 {
		return frame06{}, io.EOF
	}
	if err != nil {
		return frame06{}, r.src.shortAsTorn(err, at)
	}
	f, stored := decodeFrameHeader06(head, at)
	if f.length > maxFramePayload06 {
		return frame06{}, r.src.torn(at, fmt.Sprintf("a frame of %d bytes", f.length))
	}
	if lsn := binary.LittleEndian.Uint64(head[8:]); lsn != r.lsn(at) {
		return frame06{}, r.src.torn(at, fmt.Sprintf("a frame of log position %d at log position %d", lsn, r.lsn(at)))
	}
	crc := headerCRC06(head)
	if err := r.src.take(frameHeaderLength, nil); err != nil {
		return frame06{}, r.src.shortAsTorn(err, at)
	}
	prefix, err := r.src.peek(int(min(f.length, maxPrefix06)))
	if err != nil {
		return frame06{}, r.src.shortAsTorn(err, at)
	}
	f.prefix = r.prefix[:copy(r.prefix[:], prefix)]
	if err := r.src.take(f.length, &crc); err != nil {
		return frame06{}, r.src.shortAsTorn(err, at)
	}
	if crc != stored {
		return frame06{}, r.src.torn(at, "frame: wrong checksum")
	}
	// Only a whole frame can be one of a later release.
	if f.flags&^(frameFirst|frameLast) != 0 {
		return frame06{}, &UnsupportedVersionError{r.src.path, "log frame with flags", fmt.Sprintf("%#x", f.flags)}
	}
	return f, nil
}

// decodeFrameHeader06 decodes a frame's header and the checksum stored in it.
func decodeFrameHeader06(p []byte, offset int64) (f frame06, stored uint32) {
	return frame06{
		offset:        offset,
		length:        int64(binary.LittleEndian.Uint32(p)),
		transactionID: binary.LittleEndian.Uint64(p[16:]),
		flags:         p[24],
	}, binary.LittleEndian.Uint32(p[4:])
}

// headerCRC06 returns the checksum of a frame's header, without the checksum in it. The
// frame's checksum continues with the payload.
func headerCRC06(p []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(p[:4]), crc32.IEEETable, p[8:frameHeaderLength])
}

// The GroupBegin record, with which every group begins that is not a sync mark.
const (
	recordGroupBegin = 1
	originSchema     = 3
)

// groupBegin is the content of a GroupBegin record; the time is in milliseconds.
type groupBegin struct{ epoch, time, origin uint64 }

// groupBegin decodes the first record of a group from its first frame. The frame's
// checksum is known to be right, so anything but a GroupBegin was written by another
// release or another program. The layout of a kind of record never changes: a release that
// needs another layout uses another kind.
func (r *Reader06) groupBegin(first *frame06) (groupBegin, error) {
	damage := func(what string) (groupBegin, error) {
		return groupBegin{}, &DamageError{Path: r.src.path, Offset: first.offset, What: what}
	}
	record := first.prefix[prologueLength06:]
	if len(record) == 0 {
		return damage("a group without records that is not a sync mark")
	}
	if kind := record[0]; kind != recordGroupBegin {
		return groupBegin{}, &UnsupportedVersionError{r.src.path, "first log record of kind", strconv.Itoa(int(kind))}
	}
	if len(record) < recordHeaderLength {
		return damage("a record is cut off")
	}
	var b groupBegin
	n, err := readVarints(record[recordHeaderLength:], &b.epoch, &b.time, &b.origin)
	if err != nil || uint32(n) != binary.LittleEndian.Uint32(record[2:]) {
		return damage("a GroupBegin record that cannot be decoded")
	}
	return b, nil
}
