package pack

import (
	"context"
	"errors"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/sent"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// segments are the segments that a source may name: those of its own folder, to which it
// adds, and those of its reference. [segments.put] may be called concurrently.
//
// A body is the memory of one that is added: its frames, one after another, and in front of
// them what room is needed to encrypt them where they are.
type segments struct {
	objects *objects.Store
	folder  string           // prefix of the keys of those that are added
	present map[string]int64 // sizes of those that were listed, by key
	front   int              // bytes of a body before its frames; 0 if nothing is encrypted
	sent    *sent.Notes      // what was encrypted and sent before, nil for nothing

	notesTimes bool // when segments were put is noted
}

// storedSegment is a segment, and what became of it. One that is inline is never sent, but
// counts as if it was.
type storedSegment struct {
	segment manifest.Segment
	created objects.Created
	hash    sent.Hash // of its frames, where they are encrypted
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
// already. It may use the memory of body for something else.
func (s *segments) put(ctx context.Context, n int, body []byte, raw int64) (*storedSegment, error) {
	if !s.objects.Ring.IsSealed() {
		return s.create(ctx, n, body, raw)
	}
	hash := s.sent.Hash(body[s.front:])
	if seg, err := s.sentBefore(ctx, hash, raw); seg != nil || err != nil {
		return seg, err
	}
	sealed, err := s.seal(body)
	if err != nil {
		return nil, err
	}
	return s.send(ctx, n, sealed, raw, hash)
}

// seal encrypts the frames of a body, in its memory.
func (s *segments) seal(body []byte) ([]byte, error) {
	return s.objects.Ring.SealData(body[:0], body[s.front:])
}

// sentBefore returns the segment with the frames that have this hash, nil if none was sent
// before, or the store does not have it any more.
func (s *segments) sentBefore(ctx context.Context, hash sent.Hash, raw int64) (*storedSegment, error) {
	o, ok := s.sent.Find(hash)
	if !ok || manifest.SegmentFolderOf(o.Key) != s.folder {
		return nil, nil
	}
	putAt, isRight, err := s.objects.HoldsSince(ctx, o.Key, o.SHA256, o.Bytes)
	if errors.Is(err, storage.ErrNotExist) || err == nil && !isRight {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s.sent.Add(hash, o) // in the file of this run, too
	seg := manifest.Segment{Key: o.Key, StoredBytes: o.Bytes, RawBytes: raw, SHA256: o.SHA256, PutAt: s.timeOf(putAt)}
	return &storedSegment{seg, objects.Created{Key: o.Key, Proved: true}, hash}, nil
}

// sendOnce is send, unless the frames were sent before.
func (s *segments) sendOnce(ctx context.Context, n int, sealed []byte, raw int64, hash sent.Hash) (*storedSegment, error) {
	if before, err := s.sentBefore(ctx, hash, raw); before != nil || err != nil {
		return before, err
	}
	return s.send(ctx, n, sealed, raw, hash)
}

// send stores sealed, which has the frames that have this hash.
func (s *segments) send(ctx context.Context, n int, sealed []byte, raw int64, hash sent.Hash) (*storedSegment, error) {
	seg, err := s.create(ctx, n, sealed, raw)
	if err == nil {
		s.sent.Add(hash, sent.Object{Key: seg.segment.Key, Bytes: seg.segment.StoredBytes, SHA256: seg.segment.SHA256})
	}
	return seg, err
}

// create stores bytes as they are, unless the store has them already.
func (s *segments) create(ctx context.Context, n int, stored []byte, raw int64) (*storedSegment, error) {
	seg := &storedSegment{segment: manifest.Segment{
		StoredBytes: int64(len(stored)), RawBytes: raw, SHA256: manifest.Sum(stored),
	}}
	to := &seg.segment
	to.Key = manifest.SegmentKey(s.folder, n, to.SHA256) + s.objects.Ring.Suffix()
	size, isListed := s.present[to.Key]
	var err error
	seg.created, err = s.objects.Create(ctx, to.Key, to.SHA256, stored, isListed && size == to.StoredBytes)
	to.Key = seg.created.Key
	to.PutAt = s.timeOf(seg.created.PutAt)
	return seg, err
}

// timeOf returns when a segment was put as it is to be noted, the zero time if it is not.
func (s *segments) timeOf(putAt time.Time) time.Time {
	if !s.notesTimes {
		return time.Time{}
	}
	return putAt.UTC().Truncate(time.Second)
}

// putSmall leaves body to the manifest if it is small enough, and puts it otherwise.
func (s *segments) putSmall(ctx context.Context, n int, body []byte, raw int64) (*storedSegment, error) {
	if len(body)-s.front > manifest.MaxInlineBytes {
		return s.put(ctx, n, body, raw)
	}
	if !s.objects.Ring.IsSealed() {
		return inline(body, raw), nil
	}
	hash := s.sent.Hash(body[s.front:])
	sealed, err := s.seal(body)
	if err != nil {
		return nil, err
	}
	if len(sealed) > manifest.MaxInlineBytes {
		return s.sendOnce(ctx, n, sealed, raw, hash)
	}
	seg := inline(sealed, raw)
	seg.hash = hash
	return seg, nil
}

// inline returns stored, which has raw bytes, as a segment that the manifest is to have.
func inline(stored []byte, raw int64) *storedSegment {
	return &storedSegment{segment: manifest.InlineSegment(stored, raw), created: objects.Created{Fresh: true, Proved: true}}
}

// putInline stores the segments of stripes that are inline as objects.
func (s *segments) putInline(ctx context.Context, stripes [][]*packed) (err error) {
	for n, parts := range stripes {
		for _, p := range parts {
			if p.segment == nil || !p.segment.segment.IsInline() {
				continue
			}
			seg := p.segment
			stored, raw := []byte(seg.segment.Data), seg.segment.RawBytes
			if s.objects.Ring.IsSealed() {
				p.segment, err = s.sendOnce(ctx, n, stored, raw, seg.hash)
			} else {
				p.segment, err = s.create(ctx, n, stored, raw)
			}
			if err != nil {
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
