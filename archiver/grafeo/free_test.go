package grafeo

import (
	"testing"

	"pgregory.net/rapid"
)

// A page is free if, and only if, no part of the image is in it: whatever the parts, in
// whatever order, overlapping or not.
func TestFree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(0, 40*pageSize).Draw(t, "size")
		im := &Image{Generation: Gen06, Size: size}
		for range rapid.IntRange(0, 12).Draw(t, "ranges") {
			offset := rapid.Int64Range(0, size).Draw(t, "offset")
			im.Proof = append(im.Proof, Range{Offset: offset, Length: rapid.Int64Range(0, min(size-offset, 9*pageSize)).Draw(t, "length")})
		}
		free := map[int64]bool{} // by page
		last := int64(-1)
		for _, s := range im.Free() {
			if s.Offset <= last || s.Length <= 0 || s.Offset%pageSize != 0 || s.Length%pageSize != 0 {
				t.Fatalf("%+v after %d", s, last)
			}
			last = s.Offset + s.Length
			for at := s.Offset; at < last; at += pageSize {
				free[at] = true
			}
		}
		for at := int64(0); at < size; at += pageSize {
			used := at+pageSize > size // the last one may be a part
			for _, r := range im.Proof {
				used = used || r.Length > 0 && r.Offset < at+pageSize && r.Offset+r.Length > at
			}
			if free[at] == used {
				t.Fatalf("the page at %d is free: %t, of %d bytes with %+v", at, free[at], size, im.Proof)
			}
		}
	})
	if free := (&Image{Generation: Gen05, Size: 1 << 20}).Free(); free != nil {
		t.Errorf("a 0.5 image has %v", free)
	}
}
