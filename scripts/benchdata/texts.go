package main

import (
	"encoding/binary"
	"math/rand/v2"
)

// vocabulary is what texts are made of: words that nobody has written, since how
// often they come again is what compression sees.
type vocabulary []string

func newVocabulary() vocabulary {
	random := rand.New(rand.NewPCG(1, 0x9e3779b97f4a7c15)) //nolint:gosec // the same words every time
	v := make(vocabulary, 20_000)
	for i := range v {
		word := make([]byte, 3+random.IntN(8))
		for j := range word {
			word[j] = 'a' + byte(random.IntN(26)) //nolint:gosec // below 26
		}
		v[i] = string(word)
	}
	return v
}

// texts fills p with records of a number and a text of twelve words, of which some
// are frequent and most are not, as in a language. The same seed gives the same.
func (v vocabulary) texts(p []byte, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)) //nolint:gosec // it need not be secret
	word := rand.NewZipf(random, 1.1, 3, uint64(len(v)-1))
	var record []byte
	for id := seed << 20; len(p) > 0; id++ {
		record = binary.LittleEndian.AppendUint64(record[:0], id)
		record = binary.LittleEndian.AppendUint32(record, random.Uint32())
		record = append(record, "\x04text\x03"...)
		for range 12 {
			record = append(record, v[word.Uint64()]...)
			record = append(record, ' ')
		}
		p = p[copy(p, record):]
	}
}
