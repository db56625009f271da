package grafeo

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strconv"
)

// The headers of a 0.6 container. (docs/grafeo-format.md, section 4.1)
const (
	containerVersion06     = 3
	fileHeaderCRC06        = 72 // offset of the checksum of what is before it
	databaseHeaderMagic06  = "GDBH"
	databaseHeaderCRC06    = 80
	databaseHeaderFormat06 = 1
)

// Feature flags, in the file header and in the headers of log segments. A reader must
// refuse flags of the lower 16 bits that it does not know.
const (
	incompatibleFlags06 = 0xffff
	encryptedFlag06     = 1
)

// header06 is a database header of 0.6.
type header06 struct {
	format                                         uint32
	iteration, checkpointLSN, epoch, transactionID uint64
	root                                           blockPointer
	nodeCount, edgeCount, time                     uint64
}

// read06 fills in a 0.6 image from its header pages and its directory.
// (docs/grafeo-format.md, sections 4.1 and 4.3)
func (im *Image) read06(r io.ReaderAt, headers []byte) error {
	flags, err := im.readFileHeader06(headers[:pageSize])
	if err != nil {
		return err
	}
	active, err := im.activeHeader06(headers)
	if err != nil {
		return err
	}
	if active.format != databaseHeaderFormat06 {
		return &UnsupportedVersionError{im.Path, "database header format", strconv.FormatUint(uint64(active.format), 10)}
	}
	im.Iteration, im.Epoch, im.TransactionID = active.iteration, active.epoch, active.transactionID
	im.CheckpointLSN = active.checkpointLSN
	im.NodeCount, im.EdgeCount = active.nodeCount, active.edgeCount
	im.Time = fromMillis(active.time)
	if im.encrypted = flags&encryptedFlag06 != 0; im.encrypted {
		return fmt.Errorf("%s: %w", im.Path, ErrEncrypted)
	}
	return im.readDirectory06(r, active.root)
}

// readFileHeader06 reads the first page, which is written once, when the database is
// created. It returns its flags.
func (im *Image) readFileHeader06(page []byte) (flags uint32, err error) {
	if crc32.ChecksumIEEE(page[:fileHeaderCRC06]) != binary.LittleEndian.Uint32(page[fileHeaderCRC06:]) {
		return 0, im.damage(0, "file header: wrong checksum")
	}
	if size := binary.LittleEndian.Uint32(page[8:]); size != pageSize {
		return 0, &UnsupportedVersionError{im.Path, "page size", strconv.FormatUint(uint64(size), 10)}
	}
	flags = binary.LittleEndian.Uint32(page[12:])
	if unknown := flags & incompatibleFlags06 &^ encryptedFlag06; unknown != 0 {
		return 0, &UnsupportedVersionError{im.Path, "container with flags", fmt.Sprintf("%#x", unknown)}
	}
	im.DatabaseID = databaseID06(page[16:32])
	im.Created = fromMillis(binary.LittleEndian.Uint64(page[32:]))
	im.Creator = creator(page[40 : 40+creatorLength])
	return flags, nil
}

// databaseID06 returns the id as Grafeo prints it: a 128 bit number in hex, which is
// stored with its lowest byte first.
func databaseID06(field []byte) string {
	id := bytes.Clone(field)
	slices.Reverse(id)
	return hex.EncodeToString(id)
}

var errEmptySlot = errors.New("empty")

// activeHeader06 returns the valid database header with the higher iteration, or the
// first if they are equal. One damaged header beside a valid one is what a crash leaves
// and no reason to refuse.
func (im *Image) activeHeader06(headers []byte) (*header06, error) {
	var active *header06
	var damaged []int64
	for _, at := range []int64{pageSize, 2 * pageSize} {
		h, err := decodeHeader06(headers[at : at+pageSize])
		switch {
		case err == nil && (active == nil || h.iteration > active.iteration):
			active = h
		case err != nil && !errors.Is(err, errEmptySlot):
			damaged = append(damaged, at)
		}
	}
	im.DamagedSlot = len(damaged) > 0
	switch {
	case active != nil:
		return active, nil
	case len(damaged) == 2:
		return nil, im.damage(damaged[0], "both database headers: wrong checksum")
	case len(damaged) == 1:
		return nil, im.damage(damaged[0], "the only database header: wrong checksum")
	default:
		// Grafeo makes a new database under another name, and renames it when it has
		// its first header.
		return nil, im.damage(pageSize, "both database headers are empty")
	}
}

// decodeHeader06 decodes one slot. The error is errEmptySlot for a page of zeros, and
// another one for a wrong checksum.
func decodeHeader06(page []byte) (*header06, error) {
	if isZero(page) {
		return nil, errEmptySlot
	}
	if string(page[:4]) != databaseHeaderMagic06 ||
		crc32.ChecksumIEEE(page[:databaseHeaderCRC06]) != binary.LittleEndian.Uint32(page[databaseHeaderCRC06:]) {
		return nil, ErrDamaged
	}
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(page[at:]) }
	u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(page[at:]) }
	return &header06{
		format:        u32(4),
		iteration:     u64(8),
		checkpointLSN: u64(16),
		epoch:         u64(24),
		transactionID: u64(32),
		root:          blockPointer{offset: u64(40), length: u32(48), crc: u32(52)},
		nodeCount:     u64(56),
		edgeCount:     u64(64),
		time:          u64(72),
	}, nil
}

// isZero reports whether all bytes of p are zero: the first one is, and each other one
// equals the one before.
func isZero(p []byte) bool {
	return len(p) == 0 || p[0] == 0 && bytes.Equal(p[1:], p[:len(p)-1])
}
