package fetch

import (
	"github.com/cespare/xxhash/v2"

	"github.com/gbak-s3/gbak-s3/internal/crc32combine"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// This file is about what a restore that was killed, or has failed, had fetched: what
// the next one makes of it, by its journal, and what is left for it.

// readBack reports whether an earlier run has fetched a segment, and its bytes are
// where they belong: then they are counted, and need not be fetched.
func (r *reader) readBack(segment int, frames []int, partsOf [][]part) bool {
	want, ok := r.Journal.Done[segment]
	if !ok {
		return false
	}
	digest := xxhash.New()
	var read []crc32combine.Part
	var bytes int64
	for _, i := range frames {
		for _, p := range partsOf[i] {
			if int64(cap(r.raw)) < p.Bytes {
				r.raw = disk.AlignedBuffer(int(p.Bytes))
			}
			b := r.raw[:p.Bytes]
			if !r.Journal.ReadAt(p.file, b, p.Offset) {
				return false
			}
			_, _ = digest.Write(b) // never fails
			read = append(read, crc32combine.PartOf(p.Offset, b))
			bytes += p.Bytes
		}
	}
	if digest.Sum64() != want {
		return false
	}
	for _, i := range frames {
		for _, p := range partsOf[i] {
			r.sums[p.file].Add(read[0])
			read = read[1:]
		}
	}
	r.Journal.Again(bytes)
	r.Tracker.Add(bytes)
	return true
}
