package copying

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// listFrom is how many segments a backup has at least for a list to be worth its request, which
// shows what an interrupted run has stored of them.
const listFrom = 8

// store stores the segments of some backups that the target does not have.
func (r *run) store(ctx context.Context, to *objects.Store, replicas []*replica) error {
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(r.Workers)
	buffers := make(chan []byte, r.Workers)
	for range r.Workers {
		buffers <- nil
	}
	for _, c := range replicas {
		present, err := r.present(running, to, c)
		if err != nil {
			_ = g.Wait() // which is of no interest any more
			return err
		}
		for i := range c.segments {
			if c.isShared[i] || c.segments[i].IsInline() || running.Err() != nil {
				continue
			}
			g.Go(func() (err error) {
				b := <-buffers
				defer func() { buffers <- b }()
				t := transfer{run: r, to: to, prefix: manifest.SegmentFolder(c.folder), present: present, buffer: b}
				c.segments[i], err = t.segment(running, i, c.index.Segments[i])
				b = t.buffer
				if err == nil {
					r.told(c.original, c.segments[i].RawBytes)
				}
				return err
			})
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// present returns what an interrupted run may have stored of a backup, sizes by keys.
func (r *run) present(ctx context.Context, to *objects.Store, c *replica) (map[string]int64, error) {
	n := 0
	for i := range c.segments {
		if !c.isShared[i] && !c.segments[i].IsInline() {
			n++
		}
	}
	if n < listFrom {
		return nil, nil
	}
	sizes := map[string]int64{}
	for info, err := range to.List(ctx, manifest.SegmentFolder(c.folder), objects.MaxSegments) {
		if err != nil {
			return nil, err
		}
		sizes[info.Key] = info.Size
	}
	return sizes, nil
}

// told tells the observer that so many raw bytes more of a backup are done.
func (r *run) told(m *original, bytes int64) {
	r.mu.Lock()
	bytes = min(bytes, m.left)
	m.left -= bytes
	r.mu.Unlock()
	r.tracker.Add(bytes)
}

// transfer copies one segment after another. It keeps the memory of one.
type transfer struct {
	*run
	to      *objects.Store
	prefix  string           // of the keys
	present map[string]int64 // what the target may have, sizes by keys
	buffer  []byte
}

// segment makes sure that the target has segment number n of a backup, and returns it as it is
// there.
func (t *transfer) segment(ctx context.Context, n int, s manifest.Segment) (manifest.Segment, error) {
	give, err := t.to.Memory.Take(ctx, s.StoredBytes)
	if err != nil {
		return s, err
	}
	defer func() {
		if t.to.Memory.IsLimited() {
			t.buffer = nil
		}
		give()
	}()
	key := manifest.SegmentKey(t.prefix, n, s.SHA256)
	if size, ok := t.present[key]; ok && size == s.StoredBytes {
		has, err := t.to.Holds(ctx, key, s.SHA256, s.StoredBytes)
		if err != nil && !errors.Is(err, storage.ErrNotExist) {
			return s, err
		}
		if has {
			s.Key = key
			return s, nil
		}
	}
	body, err := t.Source.Store().ReadSealed(ctx, s.Key, s.StoredBytes, s.SHA256, func() []byte { return t.buffer })
	if err != nil {
		return s, t.ofSource(err)
	}
	t.buffer = body
	s.Key, err = t.put(ctx, key, s.SHA256, body)
	return s, err
}

// put stores a segment, again if the store has lost it.
func (t *transfer) put(ctx context.Context, key string, sum manifest.Digest, body []byte) (stored string, err error) {
	for range objects.Attempts {
		if stored, err = t.to.CreateProved(ctx, key, sum, body); !errors.Is(err, objects.ErrLost) {
			break
		}
		t.Log.Warn("storing again what is missing", "err", err)
	}
	return stored, err
}
