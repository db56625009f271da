package copying

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

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
		inline := 0 // bytes that the manifest may have
		for i := range c.segments {
			if c.isShared[i] || running.Err() != nil {
				continue
			}
			t := &transfer{run: r, to: to, replica: c, number: i, present: present}
			if c.segments[i].IsInline() {
				if err := t.inline(running, &inline); err != nil {
					_ = g.Wait()
					return err
				}
				continue
			}
			g.Go(func() error {
				t.buffer = <-buffers
				defer func() { buffers <- t.buffer }()
				return t.segment(running)
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

// present returns what an interrupted run may have stored of a backup, sizes by keys. Of an
// encrypted archive, notes on this host say that.
func (r *run) present(ctx context.Context, to *objects.Store, c *replica) (map[string]int64, error) {
	if c.lacks() < listFrom || to.Ring.IsSealed() {
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
