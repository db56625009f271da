package pack

import (
	"context"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// segments are the segments that a source may name: those of its own folder, to which it
// adds, and those of its reference. [segments.put] may be called concurrently.
type segments struct {
	objects *objects.Store
	folder  string           // prefix of the keys of those that are added
	present map[string]int64 // sizes of those that were listed, by key
}

// storedSegment is a segment, and what became of it. One that is inline is never sent, but
// counts as if it was.
type storedSegment struct {
	segment manifest.Segment
	created objects.Created
}

func newSegments(s *objects.Store, folder string) *segments {
	return &segments{objects: s, folder: folder, present: map[string]int64{}}
}

// list notes what the store has in folders.
func (s *segments) list(ctx context.Context, folders []string) error {
	for _, folder := range folders {
		for info, err := range s.objects.List(ctx, folder, objects.MaxSegments) {
			if err != nil {
				return err
			}
			s.present[info.Key] = info.Size
		}
	}
	return nil
}

// put stores body, which has raw bytes of stripe n, as a segment, unless the store has it
// already.
func (s *segments) put(ctx context.Context, n int, body []byte, raw int64) (*storedSegment, error) {
	seg := &storedSegment{segment: manifest.Segment{
		StoredBytes: int64(len(body)), RawBytes: raw, SHA256: manifest.Sum(body),
	}}
	to := &seg.segment
	to.Key = manifest.SegmentKey(s.folder, n, to.SHA256)
	size, isListed := s.present[to.Key]
	var err error
	seg.created, err = s.objects.Create(ctx, to.Key, to.SHA256, body, isListed && size == to.StoredBytes)
	to.Key = seg.created.Key
	return seg, err
}

// inline returns body, which has raw bytes, as a segment that the manifest is to have.
func inline(body []byte, raw int64) *storedSegment {
	return &storedSegment{manifest.InlineSegment(body, raw), objects.Created{Fresh: true, Proved: true}}
}

// putInline stores the segments of stripes that are inline as objects.
func (s *segments) putInline(ctx context.Context, stripes [][]*packed) (err error) {
	for n, parts := range stripes {
		for _, p := range parts {
			if p.segment == nil || !p.segment.segment.IsInline() {
				continue
			}
			body := []byte(p.segment.segment.Data)
			if p.segment, err = s.put(ctx, n, body, p.rawBytes()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *segments) putJoined(ctx context.Context, full []*joined) error {
	for _, j := range full {
		seg, err := s.put(ctx, j.first, j.body, j.raw)
		if err != nil {
			return err
		}
		for _, p := range j.stripes {
			p.segment = seg
		}
	}
	return nil
}

// confirm looks up the segments that this run has sent and no answer has proved, because
// a manifest may only name what is stored. It returns [objects.ErrLost] if the store, or
// something on the way to it, has claimed to store one that does not exist: the caller
// makes the copy again, which sends only that one.
func (s *segments) confirm(ctx context.Context, unproved []manifest.Segment) error {
	if len(unproved) == 0 {
		return nil
	}
	sizes := map[string]int64{}
	for info, err := range s.objects.List(ctx, s.folder, objects.MaxSegments) {
		if err != nil {
			return err
		}
		sizes[info.Key] = info.Size
	}
	for _, seg := range unproved {
		if size, ok := sizes[seg.Key]; !ok || size != seg.StoredBytes {
			if err := s.objects.CheckStored(ctx, seg.Key, seg.StoredBytes); err != nil { // a list may be late
				return err
			}
		}
	}
	return nil
}
