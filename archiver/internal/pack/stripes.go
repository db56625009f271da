package pack

import (
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
)

// stripe is the frames of raw bytes that become one segment, or several if they do not
// compress.
type stripe []frame

// ordinarySegment is how many bytes a segment may have, apart from what compression adds,
// unless a large size was asked for: a worker has memory for so many. With less, a stripe
// that compresses to a third would become two segments.
const ordinarySegment = 20 << 20

// frame is the pieces of files, together up to [segment.FrameBytes], that become one zstd
// frame. Small files share one.
type frame []piece

// piece is a part of one file.
type piece struct {
	file   int // index in source.files
	offset int64
	bytes  int64
}

func (f frame) bytes() int64 {
	var n int64
	for _, p := range f {
		n += p.bytes
	}
	return n
}

// cut divides files into stripes of up to segmentBytes raw bytes, in order.
// The same files are always cut in the same way.
func cut(files []capture.File, segmentBytes int64) []stripe {
	var (
		stripes          []stripe
		inStripe, inPart int64 // bytes so far in the last stripe and frame
	)
	for i, f := range files {
		for at := f.From; at < f.Bytes; {
			if len(stripes) == 0 || inStripe == segmentBytes {
				stripes = append(stripes, nil)
				inStripe, inPart = 0, 0
			}
			s := &stripes[len(stripes)-1]
			if len(*s) == 0 || inPart == segment.FrameBytes {
				*s = append(*s, nil)
				inPart = 0
			}
			n := min(f.Bytes-at, segment.FrameBytes-inPart, segmentBytes-inStripe)
			last := &(*s)[len(*s)-1]
			*last = append(*last, piece{i, at, n})
			at, inStripe, inPart = at+n, inStripe+n, inPart+n
		}
	}
	return stripes
}
