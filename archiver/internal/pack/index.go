package pack

import (
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// index puts together what became of the stripes, and counts their segments.
func (u *upload) index(stripes [][]*packed) (*manifest.Index, counts) {
	var n counts
	b := manifest.NewIndexBuilder()
	for i, f := range u.source.Files {
		b.AddFile(manifest.File{Name: f.Name, From: f.From, Bytes: f.Bytes, CRC32: u.reader.sums[i].Sum(f.Bytes)})
	}
	var earlier *manifest.IndexPart
	if u.reference != nil {
		earlier = b.From(u.reference.Index)
	}
	counted := map[*storedSegment]bool{} // stripes may share one
	for _, p := range slices.Concat(stripes...) {
		numbers := make([]int, len(p.frames))
		for i, f := range p.frames {
			numbers[i] = b.AddFrame(p.segment.segment, f)
			if !counted[p.segment] {
				counted[p.segment] = true
				n.add(p.segment)
			}
		}
		for _, e := range p.extents {
			if e.shared {
				e.where.Frame = earlier.Frame(e.where.Frame)
				n.reusedBytes += e.where.Bytes
			} else {
				e.where.Frame = numbers[e.where.Frame]
			}
			b.AddExtent(e.file, e.where)
		}
	}
	replay := u.source.Replay
	if u.image != nil {
		image := u.image.Image()
		b.From(u.image).AddFile(*image)
		n.imageBytes = image.Bytes
		n.reusedBytes += image.Bytes
		replay = u.image.Replay // the log only goes on
	}
	ix := b.Index()
	ix.Commits, ix.Replay = u.source.CommitTimes, replay
	if u.pages != nil {
		ix.Image().Pages = u.pages.Refs
	}
	return ix, n
}

func (n *counts) add(s *storedSegment) {
	if !s.created.Proved {
		n.unproved = append(n.unproved, s.segment)
	}
	switch {
	case !s.created.Fresh:
		n.reusedBytes += s.segment.RawBytes
		return
	case !s.segment.IsInline():
		n.sent++
	}
	n.storedBytes += s.segment.StoredBytes
}
