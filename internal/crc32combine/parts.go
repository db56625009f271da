package crc32combine

import (
	"cmp"
	"hash/crc32"
	"slices"
	"sync"
)

// Parts is the CRC-32 (IEEE) of a file whose parts are added in any order, by several
// goroutines. Where no part is added, the file has zeros. The zero value is one of a
// file from its beginning on.
type Parts struct {
	From int64 // where in the file the sum begins

	mu    sync.Mutex
	parts []Part
}

// Part is a part of a file whose bytes were summed up.
type Part struct {
	offset, bytes int64
	crc           uint32
}

// PartOf sums up the bytes p at offset.
func PartOf(offset int64, p []byte) Part {
	return Part{offset, int64(len(p)), crc32.ChecksumIEEE(p)}
}

// Add adds a part. Parts must not overlap.
func (s *Parts) Add(part Part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = append(s.parts, part)
}

// Sum returns the checksum of the bytes between From and end.
func (s *Parts) Sum(end int64) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.SortFunc(s.parts, func(a, b Part) int { return cmp.Compare(a.offset, b.offset) })
	var crc uint32
	at := s.From
	for _, p := range s.parts {
		crc = Combine(Zeros(crc, p.offset-at), p.crc, p.bytes)
		at = p.offset + p.bytes
	}
	return Zeros(crc, end-at)
}
