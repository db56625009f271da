package fetch

import (
	"github.com/cespare/xxhash/v2"

	"github.com/gbak-s3/gbak-s3/internal/crc32combine"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// readBack reports whether an earlier run has fetched a segment and its bytes are where
// they belong. If so, they are counted, and need not be fetched.
func (r *reader) readBack(segment int) bool {
	f := r.fetching
	want, ok := f.opts.Notes.Digest(segment)
	if !ok {
		return false
	}
	digest := xxhash.New()
	var read []crc32combine.Part
	var bytes int64
	for _, i := range f.framesOf[segment] {
		for _, p := range f.partsOf[i] {
			if int64(cap(r.raw)) < p.Bytes {
				r.raw = disk.AlignedBuffer(int(p.Bytes))
			}
			b := r.raw[:p.Bytes]
			if !f.opts.Notes.ReadAt(p.file, b, p.Offset) {
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
	for _, i := range f.framesOf[segment] {
		for _, p := range f.partsOf[i] {
			f.sums.parts[p.file].Add(read[0])
			read = read[1:]
		}
	}
	f.opts.Notes.AddResumed(bytes)
	f.opts.Tracker.Add(bytes)
	return true
}
