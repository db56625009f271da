package grafeo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

// Containers that are wrong in one field, with the checksums right where the
// field has one.
func TestRefusedImages(t *testing.T) {
	t.Parallel()
	b06 := image06(t, grafeotest.Image06Options{Iteration: 1, Size: 20_000, ChunkSize: 5000, EntriesPerBlock: 2})
	root := int(binary.LittleEndian.Uint64(b06[2*pageSize+40:]))
	header := func(pairs ...any) []byte {
		b := edit(b06, pairs...)
		return seal(b, 2*pageSize, 2*pageSize+80, 2*pageSize+80)
	}
	fileHeader := func(pairs ...any) []byte { return seal(edit(b06, pairs...), 0, 72, 72) }
	// block edits the first directory block.
	block := func(pairs ...any) []byte {
		b := edit(b06, pairs...)
		length := int(binary.LittleEndian.Uint32(b[2*pageSize+48:]))
		seal(b, root, root+length, 2*pageSize+52)
		return seal(b, 2*pageSize, 2*pageSize+80, 2*pageSize+80)
	}
	entry := root + 32
	b05 := image05(t, grafeotest.Image05Options{Iteration: 1, Sections: []int64{5000, 6000}})
	// directory edits the 0.5 directory page, and the checksum in the header.
	directory := func(pairs ...any) []byte {
		b := edit(b05, pairs...)
		page := b[2*pageSize:] // iteration 1 is in slot 1
		if page[0] != 1 || page[1] != 252 {
			t.Fatal("the header does not begin with iteration 1 and a checksum of 32 bits")
		}
		binary.LittleEndian.PutUint32(page[2:], crc32.ChecksumIEEE(b[3*pageSize:4*pageSize]))
		return b
	}
	huge := u64(1 << 63)
	for name, c := range map[string]struct {
		b    []byte
		want error
		text string
	}{
		"06 short":                   {b06[:3*pageSize-1], ErrDamaged, "inside its headers"},
		"06 file header":             {edit(b06, 20, []byte{0xff}), ErrDamaged, "file header"},
		"06 page size":               {fileHeader(8, u32(8192)), ErrUnsupportedVersion, "8192"},
		"06 unknown flag":            {fileHeader(12, u32(2)), ErrUnsupportedVersion, "0x2"},
		"06 compatible flag":         {fileHeader(12, u32(1<<16)), nil, ""},
		"06 encrypted":               {fileHeader(12, u32(1)), ErrEncrypted, "encrypted"},
		"06 header format":           {header(2*pageSize+4, u32(2)), ErrUnsupportedVersion, "database header format 2"},
		"06 header format 0":         {header(2*pageSize+4, u32(0)), ErrUnsupportedVersion, "database header format 0"},
		"06 only header damaged":     {edit(b06, 2*pageSize+9, []byte{1}), ErrDamaged, "the only database header"},
		"06 both headers damaged":    {edit(b06, 2*pageSize+9, []byte{1}, pageSize, []byte{1}), ErrDamaged, "both database headers"},
		"06 both headers empty":      {edit(b06, 2*pageSize, make([]byte, pageSize)), ErrDamaged, "are empty"},
		"06 root unaligned":          {header(2*pageSize+40, u64(uint64(root+1))), ErrDamaged, "start on a page"},
		"06 root in headers":         {header(2*pageSize+40, u64(pageSize)), ErrDamaged, "inside the headers"},
		"06 root far away":           {header(2*pageSize+40, huge), ErrDamaged, "past the end"},
		"06 root too long":           {header(2*pageSize+48, u32(1<<17)), ErrDamaged, "past the end"},
		"06 root of odd length":      {header(2*pageSize+48, u32(33)), ErrDamaged, "33 bytes"},
		"06 root of length 0":        {header(2*pageSize+48, u32(0)), nil, ""},
		"06 root checksum":           {header(2*pageSize+52, u32(1)), ErrDamaged, "directory block: wrong checksum"},
		"06 block magic":             {block(root, []byte("X")), ErrDamaged, "starts with"},
		"06 block count":             {block(root+4, u32(3)), ErrDamaged, "3 entries"},
		"06 block count huge":        {block(root+4, u32(1<<31)), ErrDamaged, "entries"},
		"06 next block checksum":     {block(root+20, u32(1)), ErrDamaged, "directory block: wrong checksum"},
		"06 chunk unaligned":         {block(entry+24, u64(3*pageSize+1)), ErrDamaged, "start on a page"},
		"06 chunk in headers":        {block(entry+24, u64(2*pageSize)), ErrDamaged, "inside the headers"},
		"06 chunk far away":          {block(entry+24, huge), ErrDamaged, "past the end"},
		"06 chunk too long":          {block(entry+32, huge), ErrDamaged, "past the end"},
		"06 chunk of all lengths":    {block(entry+32, u64(1<<64-1)), ErrDamaged, "past the end"},
		"06 chunk overlaps":          {block(entry+24, u64(5*pageSize)), ErrDamaged, "overlaps"},
		"06 chunk checksum":          {block(entry+40, u32(1)), ErrDamaged, "section Catalog: wrong checksum"},
		"06 chunk of length 0":       {block(entry+24, make([]byte, 20)), nil, ""},
		"05 short":                   {b05[:3*pageSize-1], ErrDamaged, "inside its headers"},
		"05 page size":               {edit(b05, 5, []byte{251, 0, 32}), ErrUnsupportedVersion, "8192"},
		"05 file header":             {edit(b05, 5, []byte{255}), ErrDamaged, "file header"},
		"05 slot 0":                  {edit(b05, pageSize, []byte{255}), ErrDamaged, "database header"},
		"05 slot 1":                  {edit(b05, 2*pageSize+1, []byte{254}), ErrDamaged, "database header"},
		"05 checksum of 64 bits":     {edit(b05, 2*pageSize+1, []byte{253, 1, 2, 3, 4, 5, 6, 7, 8}), ErrDamaged, "32 bits"},
		"05 no directory":            {b05[:3*pageSize+5], ErrDamaged, "ends early"},
		"05 directory checksum":      {edit(b05, 3*pageSize+8, []byte{9}), ErrDamaged, "section directory: wrong"},
		"05 count":                   {directory(3*pageSize, u32(128)), ErrDamaged, "128 entries"},
		"05 count huge":              {directory(3*pageSize, u32(1<<32-1)), ErrDamaged, "entries"},
		"05 section in headers":      {directory(3*pageSize+16, u64(3*pageSize)), ErrDamaged, "inside the headers"},
		"05 section far away":        {directory(3*pageSize+16, huge), ErrDamaged, "past the end"},
		"05 section too long":        {directory(3*pageSize+24, huge), ErrDamaged, "past the end"},
		"05 section checksum":        {directory(3*pageSize+32, u32(1)), ErrDamaged, "Catalog: wrong checksum"},
		"05 section of unknown type": {directory(3*pageSize+8, u32(99)), nil, ""},
		"05 truncated":               {b05[:len(b05)-pageSize], ErrDamaged, "past the end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := readBytes(t, c.b)
			if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want %v with %q", err, c.want, c.text)
			}
		})
	}
}

func TestSnapshotPastEnd(t *testing.T) {
	t.Parallel()
	b := image05(t, grafeotest.Image05Options{Iteration: 1, Snapshot: 10_000})
	_, err := ReadImage(bytes.NewReader(b), int64(len(b))-1, "x")
	damageAt(t, err, 3*pageSize)
}

// The blocks of a directory must not lead back to one of them.
func TestDirectoryCircle(t *testing.T) {
	t.Parallel()
	b := image06(t, grafeotest.Image06Options{Iteration: 1})
	root := int(binary.LittleEndian.Uint64(b[2*pageSize+40:]))
	// A checksum is part of what it covers here, so it is made right from
	// after: the CRC of a string that ends with its own CRC is known.
	length := uint32(80)
	copy(b[root+8:], u64(uint64(root)))
	copy(b[root+16:], u32(length))
	forged := uint32(0x12345678)
	copy(b[root+20:], u32(forged))
	forceCRC(b[root:root+80], 76, forged)
	copy(b[2*pageSize+52:], u32(forged))
	seal(b, 2*pageSize, 2*pageSize+80, 2*pageSize+80)
	_, err := readBytes(t, b)
	damageAt(t, err, int64(root))
	if !strings.Contains(err.Error(), "circle") {
		t.Error(err)
	}
}

// forceCRC sets the four bytes at the offset at, the last of p, so that the
// CRC-32 of p is want.
func forceCRC(p []byte, at int, want uint32) {
	var reverse [256]uint32 // of the table, by its highest byte
	var index [256]byte
	for i, v := range crc32.IEEETable {
		reverse[v>>24], index[v>>24] = v, byte(i)
	}
	state := ^want
	for range 4 {
		top := state >> 24
		state = (state^reverse[top])<<8 | uint32(index[top])
	}
	binary.LittleEndian.PutUint32(p[at:], state^^crc32.ChecksumIEEE(p[:at]))
}
