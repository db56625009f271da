package manifest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A backup that refers to an earlier one: new frames in their order, each earlier
// one where it is first needed, and extents that continue each other as one.
func TestIndexBuilder(t *testing.T) {
	earlier := &Index{
		Segments: []Segment{sampleSegment(0), sampleSegment(1)},
		Frames: []Frame{
			{Segment: 0, StoredBytes: 10, RawBytes: 100}, {Segment: 1, StoredBytes: 11, RawBytes: 100},
			{Segment: 0, Offset: 10, StoredBytes: 12, RawBytes: 100},
		},
	}
	b := NewIndexBuilder()
	image := b.AddFile(File{Name: ImageName, Bytes: 500})
	part := b.From(earlier)
	first := b.AddFrame(sampleSegment(7), Frame{Segment: 99, StoredBytes: 20, RawBytes: 100})
	second := b.AddFrame(sampleSegment(7), Frame{Offset: 20, StoredBytes: 21, RawBytes: 100})
	for _, e := range []Extent{
		{Offset: 0, Bytes: 60, Frame: first},
		{Offset: 60, Bytes: 40, Frame: first, FrameOffset: 60},          // continues the one before
		{Offset: 100, Bytes: 10, Frame: first, FrameOffset: 80},         // elsewhere in the frame
		{Offset: 110, Bytes: 50, Frame: part.Frame(2)},                  // another frame
		{Offset: 170, Bytes: 50, Frame: part.Frame(2), FrameOffset: 50}, // after a hole
		{Offset: 220, Bytes: 100, Frame: part.Frame(1)},
		{Offset: 320, Bytes: 100, Frame: second},
	} {
		b.AddExtent(image, e)
	}
	want := &Index{
		Segments: []Segment{sampleSegment(7), sampleSegment(0), sampleSegment(1)},
		Frames: []Frame{
			{Segment: 0, StoredBytes: 20, RawBytes: 100}, {Segment: 0, Offset: 20, StoredBytes: 21, RawBytes: 100},
			{Segment: 1, Offset: 10, StoredBytes: 12, RawBytes: 100}, {Segment: 2, StoredBytes: 11, RawBytes: 100},
		},
		Files: []File{{Name: ImageName, Bytes: 500, Extents: []Extent{
			{Offset: 0, Bytes: 100, Frame: 0},
			{Offset: 100, Bytes: 10, Frame: 0, FrameOffset: 80},
			{Offset: 110, Bytes: 50, Frame: 2},
			{Offset: 170, Bytes: 50, Frame: 2, FrameOffset: 50},
			{Offset: 220, Bytes: 100, Frame: 3},
			{Offset: 320, Bytes: 100, Frame: 1},
		}}},
	}
	if diff := cmp.Diff(want, b.Index()); diff != "" {
		t.Error(diff)
	}
}

// An index that has nothing is encoded with empty lists, as the format wants, and
// not with null.
func TestIndexBuilderOfNothing(t *testing.T) {
	b := NewIndexBuilder()
	b.AddFile(File{Name: ImageName})
	if s := string(b.Index().Encode()); !strings.Contains(s, `"segments":[],"frames":[],`) || !strings.Contains(s, `"extents":[]`) {
		t.Error(s)
	}
}

// Whatever indexes are put together: every file has the bytes that it had, each
// segment and each frame is there once, in the order of their first use, and the
// indexes that they come from are as they were.
func TestIndexBuilderKeepsContent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewIndexBuilder()
		var want []string
		for range rapid.IntRange(1, 4).Draw(t, "indexes") {
			ix := drawIndex(t)
			before := string(ix.Encode())
			part := b.From(ix)
			if rapid.Bool().Draw(t, "all frames first") {
				for n := range ix.Frames {
					part.Frame(n)
				}
			}
			for i, f := range ix.Files {
				if rapid.Bool().Draw(t, "taken") {
					want = append(want, contentOf(ix, i))
					if n := part.AddFile(f); n != len(want)-1 {
						t.Fatalf("file %d has number %d", len(want)-1, n)
					}
				}
			}
			if after := string(ix.Encode()); after != before {
				t.Fatalf("an index was changed: %s", cmp.Diff(before, after))
			}
		}
		got := b.Index()
		for i := range want {
			if diff := cmp.Diff(want[i], contentOf(got, i)); diff != "" {
				t.Errorf("file %d: %s", i, diff)
			}
		}
		segments := map[Segment]bool{}
		frames := map[Frame]bool{}
		next := 0 // the segment that is used for the first time
		for _, f := range got.Frames {
			if f.Segment > next || frames[f] {
				t.Errorf("frame %+v, where %d segments were used", f, next)
			}
			next = max(next, f.Segment+1)
			frames[f] = true
		}
		for _, s := range got.Segments {
			if segments[s] {
				t.Errorf("segment %s is there twice", s.Key)
			}
			segments[s] = true
		}
		if next != len(got.Segments) {
			t.Errorf("%d of %d segments are used", next, len(got.Segments))
		}
	})
}

// drawIndex draws an index whose segments other draws have too.
func drawIndex(t *rapid.T) *Index {
	ix := &Index{}
	for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 5), 1, 4, rapid.ID).Draw(t, "segments") {
		ix.Segments = append(ix.Segments, sampleSegment(n))
	}
	for range rapid.IntRange(1, 6).Draw(t, "frames") {
		ix.Frames = append(ix.Frames, Frame{
			Segment:     rapid.IntRange(0, len(ix.Segments)-1).Draw(t, "segment"),
			Offset:      rapid.Int64Range(0, 3).Draw(t, "offset"),
			StoredBytes: 1, RawBytes: 10,
		})
	}
	for range rapid.IntRange(0, 3).Draw(t, "files") {
		f := File{Name: ImageName, Bytes: 1000}
		for i := range rapid.IntRange(0, 5).Draw(t, "extents") {
			f.Extents = append(f.Extents, Extent{
				Offset: int64(100 * i), Bytes: 3,
				Frame: rapid.IntRange(0, len(ix.Frames)-1).Draw(t, "frame"), FrameOffset: rapid.Int64Range(0, 7).Draw(t, "frame offset"),
			})
		}
		ix.Files = append(ix.Files, f)
	}
	return ix
}

func sampleSegment(n int) Segment {
	sum := Sum([]byte{byte(n)})
	return Segment{Key: SegmentKey(SegmentFolder(sampleFolder), n, sum), StoredBytes: 1 << 10, RawBytes: 1 << 20, SHA256: sum}
}

// contentOf says where the bytes of a file are, without the numbers that differ
// between indexes.
func contentOf(ix *Index, file int) string {
	var b strings.Builder
	for _, e := range ix.Files[file].Extents {
		f := ix.Frames[e.Frame]
		fmt.Fprintf(&b, "%d bytes at %d: from %d of the %d bytes that the %d at %d of %s have\n",
			e.Bytes, e.Offset, e.FrameOffset, f.RawBytes, f.StoredBytes, f.Offset, ix.Segments[f.Segment].Key)
	}
	return b.String()
}
