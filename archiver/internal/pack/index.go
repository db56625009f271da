package pack

import (
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// This file makes the index, which says where a backup's content is, of what the workers
// stored.

// index combines the workers' results, and counts them.
func (u *upload) index(stripes [][]*stored) *manifest.Index {
	b := manifest.NewIndexBuilder()
	for i, f := range u.files {
		b.AddFile(manifest.File{Name: f.Name, From: f.From, Bytes: f.Bytes, CRC32: u.sums[i].Sum(f.Bytes)})
	}
	var earlier *manifest.IndexPart
	if u.base != nil {
		earlier = b.From(u.base.index)
	}
	counted := map[*sent]bool{}
	for _, r := range slices.Concat(stripes...) {
		numbers := make([]int, len(r.frames))
		for i, f := range r.frames {
			numbers[i] = b.AddFrame(r.segment.Segment, f)
			if !counted[r.segment] {
				counted[r.segment] = true
				u.count(r.segment)
			}
		}
		for _, e := range r.extents {
			if e.old {
				e.Frame = earlier.Frame(e.Frame)
				u.reusedBytes += e.Bytes
			} else {
				e.Frame = numbers[e.Frame]
			}
			b.AddExtent(e.file, e.Extent)
		}
	}
	ix := b.Index()
	if u.pages != nil {
		ix.Image().Pages = u.pages.refs
	}
	return ix
}

func (u *upload) count(s *sent) {
	if !s.Proved {
		u.unproved = append(u.unproved, s.Segment)
	}
	if s.Fresh {
		u.sent++
		u.storedBytes += s.StoredBytes
	} else {
		u.reusedBytes += s.RawBytes
	}
}
