package compact

import (
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// objectBytes is about how many bytes a segment of a merged record has, if there are so many.
const objectBytes = 20 << 20

// Amount is what backups take in the store.
type Amount struct {
	Objects int64 // manifests and segments
	Bytes   int64 // of segments
}

// Plus returns the sum of both.
func (a Amount) Plus(b Amount) Amount { return Amount{a.Objects + b.Objects, a.Bytes + b.Bytes} }

// Takes returns what the parts take now, as far as their outlines show it.
func (s Series) Takes() Amount {
	a := Amount{Bytes: s.StoredBytes()}
	for _, m := range s {
		a.Objects++
		if !isInline(m.StoredBytes, m.SegmentsNew) {
			a.Objects += int64(m.SegmentsNew)
		}
	}
	return a
}

// WillTake returns what the merged record will take at most, if its content does not
// compress worse than that of its parts.
func (s Series) WillTake() Amount {
	bytes := s.StoredBytes()
	segments := (bytes + objectBytes - 1) / objectBytes
	if isInline(bytes, int(segments)) {
		segments = 0
	}
	return Amount{1 + segments, bytes}
}

func isInline(bytes int64, segments int) bool {
	return segments == 1 && bytes <= manifest.MaxInlineBytes
}

// Takes returns what the merged record takes.
func (m *Merged) Takes() Amount {
	a := Amount{Objects: 1, Bytes: m.Manifest.StoredBytes}
	if m.Manifest.Index != nil {
		a.Objects++
	}
	for _, s := range m.Index.Segments {
		if !s.IsInline() {
			a.Objects++
		}
	}
	return a
}

// manifestBytes is about how many bytes a manifest has without inline segments, most of them
// summaries, and indexMemory how many its index takes in memory.
const (
	manifestBytes = 6 << 10
	indexMemory   = 700
)

// readAgain returns of about how many parts the manifest is read twice, because not all
// indexes fit in memory.
func (s Series) readAgain() (n int64) {
	kept := int64(0)
	for _, m := range s {
		size := int64(indexMemory)
		if m.SegmentsNew == 0 {
			size += m.StoredBytes // in the index
		}
		if kept+size > indexBytes {
			n++
		} else {
			kept += size
		}
	}
	return n
}

// Fetches returns about how many bytes merging the series fetches: the parts with their
// manifests, and what they became, which is read back.
func (s Series) Fetches() int64 {
	return 2*s.StoredBytes() + (int64(len(s))+s.readAgain())*manifestBytes
}

// Requests returns about what merging the series and committing it takes.
func (s Series) Requests() storage.RequestCounts {
	segments := s.WillTake().Objects - 1
	return storage.RequestCounts{
		Get:  s.Takes().Objects + s.readAgain() + segments + 2, // all that is merged, what it became, archive.json and the head
		Put:  segments + 2,                                     // its index and manifest
		List: 1, Head: 1,
	}
}
