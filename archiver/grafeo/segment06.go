package grafeo

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"time"
)

// The header of a segment, which is a log file of 0.6.
// (docs/grafeo-format.md, section 6.1)
const (
	segmentMagic06      = "GRAFWAL\x00"
	segmentVersion06    = 2
	segmentHeaderLength = 128
	segmentHeaderCRC06  = 124 // offset of the checksum of what is before it
)

// SegmentHeader is the header of a 0.6 log segment.
type SegmentHeader struct {
	DatabaseID string // as in [Image]
	FirstLSN   uint64 // log position of the first byte after the header
	Created    time.Time
	Encrypted  bool
}

// decodeSegmentHeader06 decodes the header with which the segment at path begins. It
// checks the version before the checksum, as later headers may have another layout.
func decodeSegmentHeader06(p []byte, path string) (SegmentHeader, error) {
	damage := func(offset int64, what string) (SegmentHeader, error) {
		return SegmentHeader{}, &DamageError{Path: path, Offset: offset, What: "segment header: " + what}
	}
	unsupported := func(what, version string) (SegmentHeader, error) {
		return SegmentHeader{}, &UnsupportedVersionError{path, what, version}
	}
	if len(p) < segmentHeaderLength {
		return damage(int64(len(p)), "the file ends early")
	}
	if string(p[:8]) != segmentMagic06 {
		return damage(0, fmt.Sprintf("starts with %q", p[:8]))
	}
	version := binary.LittleEndian.Uint16(p[8:])
	if version > segmentVersion06 {
		return unsupported("log segment version", strconv.Itoa(int(version)))
	}
	if crc32.ChecksumIEEE(p[:segmentHeaderCRC06]) != binary.LittleEndian.Uint32(p[segmentHeaderCRC06:]) {
		return damage(0, "wrong checksum")
	}
	if length := binary.LittleEndian.Uint16(p[10:]); version != segmentVersion06 || length != segmentHeaderLength {
		return damage(8, fmt.Sprintf("version %d with a header of %d bytes", version, length))
	}
	flags := binary.LittleEndian.Uint32(p[12:])
	if unknown := flags & incompatibleFlags06 &^ encryptedFlag06; unknown != 0 {
		return unsupported("log segment with flags", fmt.Sprintf("%#x", unknown))
	}
	return SegmentHeader{
		DatabaseID: databaseID06(p[16:32]),
		FirstLSN:   binary.LittleEndian.Uint64(p[32:]),
		Created:    fromMillis(binary.LittleEndian.Uint64(p[40:])),
		Encrypted:  flags&encryptedFlag06 != 0,
	}, nil
}
