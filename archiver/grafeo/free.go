package grafeo

import (
	"cmp"
	"slices"
)

// Span is a part of a file.
type Span struct{ Offset, Length int64 }

// Free returns the pages that the image does not use, in ascending order: of a 0.6 image
// those of chunks that earlier checkpoints wrote. Nothing proves their bytes, and the
// database will overwrite them. A 0.5 image has none; those of an encrypted one are not
// known.
func (im *Image) Free() []Span {
	if im.Generation != Gen06 || im.encrypted {
		return nil
	}
	used := slices.DeleteFunc(slices.Clone(im.Proof), func(r Range) bool { return r.Length == 0 })
	slices.SortFunc(used, func(a, b Range) int { return cmp.Compare(a.Offset, b.Offset) })
	var free []Span
	end := int64(0) // of what is used so far
	add := func(to int64) {
		from := (end + pageSize - 1) / pageSize * pageSize
		if to = to / pageSize * pageSize; to > from {
			free = append(free, Span{from, to - from})
		}
	}
	for _, r := range used {
		add(r.Offset)
		end = max(end, r.Offset+r.Length)
	}
	add(im.Size)
	return free
}
