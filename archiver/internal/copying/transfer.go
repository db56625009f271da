package copying

import (
	"context"
	"errors"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/sent"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// maxAtOnce is the largest segment whose memory is allocated at once, which includes all ordinary
// ones. The memory of a larger one grows with the bytes that arrive.
const maxAtOnce = 25 << 20

// transfer copies one segment: it is opened with the keys of the source and sealed with those of
// the target, where these are encrypted.
type transfer struct {
	*run
	*replica
	to      *objects.Store
	number  int              // of the segment in the index
	present map[string]int64 // what the target may have, sizes by keys
	buffer  []byte           // memory of a segment
}

// segment makes sure that the target has the segment.
func (t *transfer) segment(ctx context.Context) error {
	s := &t.index.Segments[t.number]
	front := t.to.Ring.Front(int(s.StoredBytes))
	give, err := t.to.Memory.Take(ctx, s.StoredBytes+int64(front))
	if err != nil {
		return err
	}
	defer func() {
		if t.to.Memory.IsLimited() {
			t.buffer = nil
		}
		give()
	}()
	isThere, err := t.find(ctx, s)
	if err != nil {
		return err
	}
	if !isThere {
		if err := t.carry(ctx, s, front); err != nil {
			return err
		}
	}
	t.told(t.original, s.RawBytes)
	return nil
}

// carry reads the segment from the source and stores it.
func (t *transfer) carry(ctx context.Context, s *manifest.Segment, front int) error {
	size := front + int(s.StoredBytes)
	if size <= maxAtOnce && cap(t.buffer) < size {
		t.buffer = make([]byte, size)
	}
	isInPlace := cap(t.buffer) >= size
	stored, err := t.Source.Store().ReadSealed(ctx, s.Key, s.StoredBytes, s.SHA256, func() []byte {
		if !isInPlace {
			return nil
		}
		return t.buffer[front:cap(t.buffer)]
	})
	if err != nil {
		return t.ofSource(err)
	}
	plain, err := t.open(ctx, stored, s.Key)
	if err != nil {
		return err
	}
	var dst []byte
	if isInPlace {
		dst = t.buffer[:0]
	}
	sealed, err := t.to.Ring.SealData(dst, plain)
	if err != nil {
		return err
	}
	return t.put(ctx, s, sealed)
}

// open decrypts what the source has stored under key, in place.
func (t *transfer) open(ctx context.Context, stored []byte, key string) ([]byte, error) {
	plain, err := t.Source.Store().Ring.OpenData(ctx, stored)
	if damage, ok := errors.AsType[*seal.DamageError](err); ok {
		err = &manifest.ObjectError{Key: key, Problem: damage.Error()}
	}
	return plain, t.ofSource(err)
}

// inline opens and seals a segment that stands in the manifest. If those of one manifest become too
// large for that, it becomes an object. taken is how many bytes they have already.
func (t *transfer) inline(ctx context.Context, taken *int) error {
	s := &t.index.Segments[t.number]
	plain, err := t.open(ctx, []byte(s.Data), t.Key())
	if err != nil {
		return err
	}
	sealed, err := t.to.Ring.SealData(nil, plain)
	if err != nil {
		return err
	}
	if *taken += len(sealed); *taken > manifest.MaxInlineBytes {
		return t.put(ctx, s, sealed)
	}
	t.segments[t.number] = manifest.InlineSegment(sealed, s.RawBytes)
	return nil
}

// hash returns by what notes know the segment: as what it is in the source, so that it need not be
// read to find that it was sent.
func (t *transfer) hash(s *manifest.Segment) sent.Hash { return t.sent.Hash(s.SHA256[:]) }

// find reports whether the target has the segment already, as far as that shows without reading it
// from the source.
func (t *transfer) find(ctx context.Context, s *manifest.Segment) (bool, error) {
	to := sent.Object{Key: t.key(s.SHA256), Bytes: s.StoredBytes, SHA256: s.SHA256}
	if t.to.Ring.IsSealed() {
		o, ok := t.sent.Find(t.hash(s))
		if !ok || manifest.SegmentFolderOf(o.Key) != manifest.SegmentFolder(t.folder) {
			return false, nil
		}
		to = o
	} else if size, ok := t.present[to.Key]; !ok || size != to.Bytes || t.Source.Store().Ring.IsSealed() {
		return false, nil
	}
	isThere, err := t.to.Holds(ctx, to.Key, to.SHA256, to.Bytes)
	if errors.Is(err, storage.ErrNotExist) || err == nil && !isThere {
		return false, nil
	}
	if err == nil {
		t.sent.Add(t.hash(s), to) // in the file of this run, too
		t.segments[t.number] = manifest.Segment{Key: to.Key, StoredBytes: to.Bytes, RawBytes: s.RawBytes, SHA256: to.SHA256}
	}
	return err == nil, err
}

// key returns the key of the segment in the target, of bytes with this digest.
func (t *transfer) key(sum manifest.Digest) string {
	return manifest.SegmentKey(manifest.SegmentFolder(t.folder), t.number, sum) + t.to.Ring.Suffix()
}

// put stores the bytes that the segment has in the target, again if the store has lost them.
func (t *transfer) put(ctx context.Context, s *manifest.Segment, body []byte) error {
	sum := manifest.Sum(body)
	var stored string
	var err error
	for range objects.Attempts {
		if stored, err = t.to.CreateProved(ctx, t.key(sum), sum, body); !errors.Is(err, objects.ErrLost) {
			break
		}
		t.Log.Warn("storing again what is missing", "err", err)
	}
	if err != nil {
		return err
	}
	t.segments[t.number] = manifest.Segment{Key: stored, StoredBytes: int64(len(body)), RawBytes: s.RawBytes, SHA256: sum}
	t.sent.Add(t.hash(s), sent.Object{Key: stored, Bytes: int64(len(body)), SHA256: sum})
	return nil
}
