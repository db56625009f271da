package grafeo

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// The directory of a 0.6 container. (docs/grafeo-format.md, section 4.1)
const (
	blockMagic06      = "GDIR"
	blockHeaderLength = 32
	blockEntryLength  = 48
	maxBlockLength    = 64 << 10
	blockWhat         = "directory block"
)

// blockPointer is the place and the checksum of a directory block. A length of 0 points
// nowhere.
type blockPointer struct {
	offset uint64
	length uint32
	crc    uint32
}

// readDirectory06 follows the chain of directory blocks that begins at root, and adds
// each block and each chunk that it lists to the proof. Every block is checked as it is
// read, as its content says where the next one is.
func (im *Image) readDirectory06(r io.ReaderAt, root blockPointer) error {
	names := make(map[byte]string)
	seen := make(map[uint64]bool)
	content := newContent06(im.NodeCount, im.EdgeCount)
	unknown := unknownParts{}
	var buf []byte
	for next := root; next.length != 0; {
		if seen[next.offset] {
			return im.damage(int64(next.offset), blockWhat+": the chain of blocks runs in a circle")
		}
		seen[next.offset] = true
		block, err := im.readBlock06(r, next, buf)
		if err != nil {
			return err
		}
		for entries := block[blockHeaderLength:]; len(entries) > 0; entries = entries[blockEntryLength:] {
			if err := im.addChunk06(entries, names); err != nil {
				return err
			}
			content.add(entries[:blockEntryLength])
			unknown.entry06(entries[:blockEntryLength])
		}
		buf = block
		next = blockPointer{
			offset: binary.LittleEndian.Uint64(block[8:]),
			length: binary.LittleEndian.Uint32(block[16:]),
			crc:    binary.LittleEndian.Uint32(block[20:]),
		}
	}
	im.Content, im.Unknown = content.sum(), unknown.list()
	sortRanges(im.Proof)
	return im.checkOverlap06()
}

// readBlock06 reads one directory block, into buf if it fits, and checks it.
func (im *Image) readBlock06(r io.ReaderAt, p blockPointer, buf []byte) ([]byte, error) {
	offset, length, err := im.pageSpan06(p.offset, uint64(p.length), blockWhat)
	if err != nil {
		return nil, err
	}
	if length < blockHeaderLength || length > maxBlockLength || (length-blockHeaderLength)%blockEntryLength != 0 {
		return nil, im.damage(offset, fmt.Sprintf("%s: no block has %d bytes", blockWhat, length))
	}
	block := slices.Grow(buf[:0], int(length))[:length]
	if err := readAt(r, block, offset, im.Path, blockWhat); err != nil {
		return nil, err
	}
	if crc32.ChecksumIEEE(block) != p.crc {
		return nil, im.damage(offset, blockWhat+": wrong checksum")
	}
	if string(block[:4]) != blockMagic06 {
		return nil, im.damage(offset, fmt.Sprintf("%s: starts with %q", blockWhat, block[:4]))
	}
	if count := binary.LittleEndian.Uint32(block[4:]); int64(count) != (length-blockHeaderLength)/blockEntryLength {
		return nil, im.damage(offset, fmt.Sprintf("%s: %d entries in %d bytes", blockWhat, count, length))
	}
	im.Proof = append(im.Proof, Range{Offset: offset, Length: length, CRC32: p.crc, What: blockWhat})
	return block, nil
}

// addChunk06 adds the chunk of a directory entry to the proof. Ranges share the strings
// of their names, as an image may have a million ranges.
func (im *Image) addChunk06(entry []byte, names map[byte]string) error {
	length := binary.LittleEndian.Uint64(entry[32:])
	if length == 0 {
		return nil // an empty chunk takes no space
	}
	what, ok := names[entry[0]]
	if !ok {
		what = "chunk of section " + sectionName(uint32(entry[0]))
		names[entry[0]] = what
	}
	offset, n, err := im.pageSpan06(binary.LittleEndian.Uint64(entry[24:]), length, what)
	if err != nil {
		return err
	}
	im.Proof = append(im.Proof, Range{Offset: offset, Length: n, CRC32: binary.LittleEndian.Uint32(entry[40:]), What: what})
	return nil
}

// pageSpan06 is [Image.span] for what starts on a page, as blocks and chunks do.
func (im *Image) pageSpan06(offset, length uint64, what string) (int64, int64, error) {
	at, n, err := im.span(offset, length, headersLength, what)
	if err == nil && at%pageSize != 0 {
		err = im.damage(at, what+": does not start on a page")
	}
	return at, n, err
}

// checkOverlap06 refuses ranges that share a page, as the database does when it opens.
// That also bounds the work of a check: in a crafted directory every entry could cover
// the whole file.
func (im *Image) checkOverlap06() error {
	end := int64(0)
	for _, r := range im.Proof {
		if r.Offset < end {
			return im.damage(r.Offset, r.What+": overlaps another one")
		}
		end = (r.Offset + r.Length + pageSize - 1) / pageSize * pageSize
	}
	return nil
}
