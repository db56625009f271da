package grafeotest

import (
	"encoding/binary"
	"math/rand/v2"
)

// words are the words of the texts in [Rows].
var words = [...]string{
	"amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "harbor", "inlet", "juniper", "kelp", "lagoon", "meadow", "north",
	"orchard", "prairie", "quarry", "ridge", "summit", "tundra", "upland", "valley", "willow", "yarrow", "zephyr", "city", "name", "knows",
}

// Rows fills p with what a database stores: ids, keys, texts of a few words, numbers.
// General compressors reduce it to about a third, as they do Grafeo's own images. The same
// seed makes the same rows.
func Rows(p []byte, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	var row []byte
	for id := seed << 20; len(p) > 0; id++ {
		bits := random.Uint64()
		row = binary.LittleEndian.AppendUint64(row[:0], id)
		row = append(row, "\x05name\x03"...)
		for range 2 + bits&3 {
			row = append(row, words[random.IntN(len(words))]...)
			row = append(row, ' ')
		}
		row = append(row, "\x03age\x02"...)
		row = binary.LittleEndian.AppendUint64(row, bits>>3&0x7f)
		row = append(row, "\x05score\x04"...)
		row = binary.LittleEndian.AppendUint64(row, random.Uint64())
		row = binary.LittleEndian.AppendUint32(row, random.Uint32())
		row = append(row, "\x07created\x02"...)
		row = binary.LittleEndian.AppendUint64(row, 1_700_000_000_000+bits>>32&0xffffff)
		p = p[copy(p, row):]
	}
}
