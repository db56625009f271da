package grafeo

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// What known releases write into the entries of a directory. It was found by changing
// entries and letting 0.6.0 open the file. (docs/grafeo-format.md, section 4.1)
const (
	lastChunkKind06  = 5
	lastCodec06      = 8
	knownFlags06     = 0x03 // optional section, optional chunk
	ignorableFlags06 = 0xf0 // 0.6.0 opens a file with any of them
	knownFlags05     = 0x03
)

// lastVersions06 has, by section type, the newest version of a section's bytes that 0.6.0
// reads. Of the other types it is not known; no version is above 4.
var lastVersions06 = map[byte]byte{1: 2, 2: 4, 3: 4, 6: 1}

// unknownParts collects the parts that are not known, in words.
type unknownParts map[string]bool

func (u unknownParts) list() []string { return slices.Sorted(maps.Keys(u)) }

// add adds a part, up to as many as anybody reads.
func (u unknownParts) add(format string, args ...any) {
	if len(u) < 20 {
		u[fmt.Sprintf(format, args...)] = true
	}
}

// section returns the name of a section type, and adds one that has none.
func (u unknownParts) section(number uint32) (name string, known bool) {
	name = sectionName(number)
	if known = name != strconv.FormatUint(uint64(number), 10); !known {
		u.add("section type %d", number)
	}
	return name, known
}

func (u unknownParts) entry05(entry []byte) {
	name, known := u.section(binary.LittleEndian.Uint32(entry))
	if !known {
		return
	}
	if v := entry[4]; v != 1 {
		u.add("version %d of section %s", v, name)
	}
	if f := entry[5] &^ knownFlags05; f != 0 {
		u.add("flags 0x%02x of section %s", f, name)
	}
}

func (u unknownParts) entry06(entry []byte) {
	name, known := u.section(uint32(entry[0]))
	if !known {
		return
	}
	last, ok := lastVersions06[entry[0]]
	if !ok {
		last = 4
	}
	if v := entry[1]; v == 0 || v > last {
		u.add("version %d of section %s", v, name)
	}
	if k := entry[2]; k > lastChunkKind06 {
		u.add("chunk kind %d in section %s", k, name)
	}
	if c := entry[3]; c > lastCodec06 {
		u.add("codec %d in section %s", c, name)
	}
	if f := entry[44] &^ (knownFlags06 | ignorableFlags06); f != 0 {
		u.add("flags 0x%02x in section %s", f, name)
	}
}
