package grafeo

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Unknown parts, which a later version may write, are named; everything is proved as usual.
func TestUnknownParts(t *testing.T) {
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	parse := func(b []byte) *Image {
		t.Helper()
		im, err := ReadImage(bytes.NewReader(b), int64(len(b)), "x.grafeo")
		if err != nil {
			t.Fatal(err)
		}
		if err := im.Check(t.Context(), bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
		return im
	}
	all, err := filepath.Glob("testdata/v*/*/tiny.grafeo")
	if err != nil || len(all) < 8 {
		t.Fatalf("%v %v", all, err)
	}
	for _, path := range all {
		if im := parse(read(path)); len(im.Unknown) > 0 {
			t.Errorf("%s of the real database has what is not known: %q", path, im.Unknown)
		}
	}

	// seal06 puts checksums right from a directory block upwards.
	seal06 := func(b []byte, slot, root, length int) {
		binary.LittleEndian.PutUint32(b[slot+52:], crc32.ChecksumIEEE(b[root:root+length]))
		binary.LittleEndian.PutUint32(b[slot+80:], crc32.ChecksumIEEE(b[slot:slot+80]))
	}
	for what, c := range map[string]struct {
		offset int // in the entry of a chunk of section LpgStore
		value  byte
	}{
		"section type 7": {0, 7}, "section type 99": {0, 99}, "version 5 of section LpgStore": {1, 5},
		"chunk kind 6 in section LpgStore": {2, 6}, "codec 9 in section LpgStore": {3, 9},
		"flags 0x04 in section LpgStore": {44, 0x04}, "": {44, 0xf3},
	} {
		b := read("testdata/v0.6.0/closed/tiny.grafeo")
		slot := pageSize
		if binary.LittleEndian.Uint64(b[2*pageSize+8:]) > binary.LittleEndian.Uint64(b[pageSize+8:]) {
			slot = 2 * pageSize
		}
		root, length := int(binary.LittleEndian.Uint64(b[slot+40:])), int(binary.LittleEndian.Uint32(b[slot+48:]))
		entry := root + blockHeaderLength
		for b[entry] != lpgStoreSection {
			entry += blockEntryLength
		}
		b[entry+c.offset] = c.value
		seal06(b, slot, root, length)
		if got := strings.Join(parse(b).Unknown, ", "); got != what {
			t.Errorf("byte %d of an entry is %d: %q, want %q", c.offset, c.value, got, what)
		}
	}

	for what, c := range map[string]struct {
		offset int // in the first entry
		value  byte
	}{"section type 99": {0, 99}, "version 2 of section Catalog": {4, 2}, "flags 0x04 of section Catalog": {5, 0x05}} {
		b := read("testdata/v0.5.42/closed/tiny.grafeo")
		b[directoryOffset05+entriesOffset05+c.offset] = c.value
		// The checksum of the directory stands in the header as a varint of up to five bytes.
		old := crc32.ChecksumIEEE(read("testdata/v0.5.42/closed/tiny.grafeo")[directoryOffset05 : directoryOffset05+pageSize])
		at := bytes.Index(b[:directoryOffset05], append([]byte{0xfc}, u32(old)...))
		if at < 0 {
			t.Fatal("no checksum of the directory")
		}
		copy(b[at+1:], u32(crc32.ChecksumIEEE(b[directoryOffset05:directoryOffset05+pageSize])))
		if got := strings.Join(parse(b).Unknown, ", "); got != what {
			t.Errorf("byte %d of an entry is %d: %q, want %q", c.offset, c.value, got, what)
		}
	}
}
