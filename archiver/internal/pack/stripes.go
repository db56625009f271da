package pack

import (
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
)

// stripe is what becomes one segment, or several if it does not compress.
type stripe []frame

// frame is what becomes one zstd frame: pieces of files, up to [segment.FrameBytes]
// together. Small files share one.
type frame []piece

// piece is a range of one file.
type piece struct {
	file   int // index into the source's files
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

// cut divides files into stripes of up to segmentBytes raw bytes, in order. The same
// files are always cut in the same way.
func cut(files []capture.File, segmentBytes int64) []stripe {
	var (
		stripes           []stripe
		inStripe, inFrame int64 // bytes so far in the last stripe and in its last frame
	)
	for i, f := range files {
		for at := f.From; at < f.Bytes; {
			if len(stripes) == 0 || inStripe == segmentBytes {
				stripes = append(stripes, nil)
				inStripe, inFrame = 0, 0
			}
			s := &stripes[len(stripes)-1]
			if len(*s) == 0 || inFrame == segment.FrameBytes {
				*s = append(*s, nil)
				inFrame = 0
			}
			n := min(f.Bytes-at, segment.FrameBytes-inFrame, segmentBytes-inStripe)
			last := &(*s)[len(*s)-1]
			*last = append(*last, piece{i, at, n})
			at, inStripe, inFrame = at+n, inStripe+n, inFrame+n
		}
	}
	return stripes
}
