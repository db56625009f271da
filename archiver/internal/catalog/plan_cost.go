package catalog

import (
	"iter"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

func (p *Plan) cost() Cost {
	var c Cost
	for _, f := range p.Files {
		c.RawBytes += f.Bytes
	}
	for _, s := range p.Index.Segments {
		if !s.IsInline() {
			c.Objects++
			c.ObjectBytes += s.StoredBytes
		}
		c.StoredBytes += s.StoredBytes
	}
	image, first, later := p.NeededBytes()
	c.NeededBytes = image + first + later
	return c
}

// NeededBytes returns how much space the files take on the disk, holes not counted: the
// image, what else is of the full backup that the chain begins with, and what is of the
// backups after it.
func (p *Plan) NeededBytes() (image, first, later int64) {
	sums := make([]int64, len(p.Files))
	laterSums := make([]int64, len(p.Files))
	for i := range p.Index.Files {
		for from, end := range Covered(p.Index.Files[i].Extents) {
			sums[p.FileOf[i]] += end - from
			if p.fromOf[i] > 0 {
				laterSums[p.FileOf[i]] += end - from
			}
		}
	}
	for i, f := range p.Files {
		n := min(sums[i], f.Bytes) // several backups may have the same part of a log
		if f.Name == manifest.ImageName {
			image += n
			continue
		}
		ofLater := min(laterSums[i], n)
		first, later = first+n-ofLater, later+ofLater
	}
	return image, first, later
}

// Covered returns the ranges, from a first byte to the byte after the last, that extents
// in ascending order cover together. What is between the ranges is long enough to become
// a hole.
func Covered(extents []manifest.Extent) iter.Seq2[int64, int64] {
	return func(yield func(from, end int64) bool) {
		for i := 0; i < len(extents); {
			from := extents[i].Offset
			end := from
			for ; i < len(extents) && extents[i].Offset < end+manifest.HoleBytes; i++ {
				end = extents[i].Offset + extents[i].Bytes
			}
			if !yield(from, end) {
				return
			}
		}
	}
}
