package grafeo

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strconv"
	"strings"
)

// The layout of a 0.5 container. (docs/grafeo-format.md, section 3.1)
const (
	directoryOffset05 = headersLength
	sectionsOffset05  = directoryOffset05 + pageSize
	entriesOffset05   = 8 // in the directory page
	entryLength05     = 32
	maxEntries05      = (pageSize - entriesOffset05) / entryLength05
)

// header05 is a database header of 0.5. Its eight fields are in the order of
// the file.
type header05 struct {
	iteration, checksum, snapshotLength, epoch, transactionID, nodeCount, edgeCount, time uint64
}

// read05 fills in a 0.5 image from its header pages and its directory page.
// (docs/grafeo-format.md, sections 3.1 and 3.4)
func (im *Image) read05(r io.ReaderAt, headers []byte) error {
	if err := im.readFileHeader05(headers[:pageSize]); err != nil {
		return err
	}
	active, err := im.activeHeader05(headers)
	if err != nil {
		return err
	}
	im.Iteration, im.Epoch, im.TransactionID = active.iteration, active.epoch, active.transactionID
	im.NodeCount, im.EdgeCount = active.nodeCount, active.edgeCount
	im.Time = fromMillis(active.time)
	if active.iteration == 0 {
		im.Empty = true
		return nil
	}
	if active.checksum > math.MaxUint32 {
		return im.damage(pageSize, "database header: a checksum of more than 32 bits")
	}
	if active.snapshotLength > 0 {
		// One blob instead of sections: releases before those with backups.
		offset, length, err := im.span(directoryOffset05, active.snapshotLength, directoryOffset05, "snapshot")
		if err != nil {
			return err
		}
		im.Proof = append(im.Proof, Range{Offset: offset, Length: length, CRC32: uint32(active.checksum), What: "snapshot"})
		return nil
	}
	return im.readDirectory05(r, uint32(active.checksum))
}

// readFileHeader05 reads the first page: magic and format version, which the caller has
// checked, page size, creation time and creator. It has no checksum.
func (im *Image) readFileHeader05(page []byte) error {
	var version, size, created uint64
	at := len(containerMagic)
	n, err := readVarints(page[at:], &version, &size, &created)
	if err != nil {
		return im.damage(int64(at+n), "file header: "+err.Error())
	}
	if size != pageSize {
		return &UnsupportedVersionError{im.Path, "page size", strconv.FormatUint(size, 10)}
	}
	at += n
	im.DatabaseID = fmt.Sprintf("created-%d", created)
	im.Created = fromMillis(created)
	im.Creator = creator(page[at : at+creatorLength])
	return nil
}

// creatorLength is the length of the creator's version, padded with zeros.
const creatorLength = 32

func creator(field []byte) string {
	field, _, _ = bytes.Cut(field, []byte{0})
	return strings.ToValidUTF8(string(field), "?")
}

// activeHeader05 decodes both slots and returns the one with the higher iteration, or
// the first if they are equal. The database does not open unless both decode, and never
// falls back to the other one: there is only one image.
func (im *Image) activeHeader05(headers []byte) (header05, error) {
	var slots [2]header05
	for i := range slots {
		h, at := &slots[i], (i+1)*pageSize
		n, err := readVarints(headers[at:at+pageSize], &h.iteration, &h.checksum, &h.snapshotLength, &h.epoch,
			&h.transactionID, &h.nodeCount, &h.edgeCount, &h.time)
		if err != nil {
			return header05{}, im.damage(int64(at+n), "database header: "+err.Error())
		}
	}
	if slots[1].iteration > slots[0].iteration {
		return slots[1], nil
	}
	return slots[0], nil
}

// readDirectory05 reads the page that lists the sections. Sections of an unknown type
// are accepted: their checksums prove their bytes like those of any other.
func (im *Image) readDirectory05(r io.ReaderAt, checksum uint32) error {
	const what = "section directory"
	if im.Size < sectionsOffset05 {
		return im.damage(im.Size, what+": the file ends early")
	}
	page := make([]byte, pageSize)
	if err := readAt(r, page, directoryOffset05, im.Path, what); err != nil {
		return err
	}
	if crc32.ChecksumIEEE(page) != checksum {
		return im.damage(directoryOffset05, what+": wrong checksum")
	}
	im.Proof = append(im.Proof, Range{Offset: directoryOffset05, Length: pageSize, CRC32: checksum, What: what})
	count := binary.LittleEndian.Uint32(page)
	if count > maxEntries05 {
		return im.damage(directoryOffset05, fmt.Sprintf("%s: %d entries do not fit in a page", what, count))
	}
	unknown := unknownParts{}
	for i := range int(count) {
		entry := page[entriesOffset05+i*entryLength05:][:entryLength05]
		what := "section " + sectionName(binary.LittleEndian.Uint32(entry))
		offset, length, err := im.span(binary.LittleEndian.Uint64(entry[8:]), binary.LittleEndian.Uint64(entry[16:]),
			sectionsOffset05, what)
		if err != nil {
			return err
		}
		r := Range{Offset: offset, Length: length, CRC32: binary.LittleEndian.Uint32(entry[24:]), What: what}
		im.Proof = append(im.Proof, r)
		unknown.entry05(entry)
		switch binary.LittleEndian.Uint32(entry) {
		case lpgStoreSection:
			im.store = r
		case compactStoreSection, overlaySection:
			im.compacted = true
		}
	}
	im.Unknown = unknown.list()
	sortRanges(im.Proof)
	return nil
}
