package archiver_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// crowd counts how many segments are being sent, or read, at a time.
type crowd struct {
	mu        sync.Mutex
	now, most int
	two       chan struct{} // closed when there were two at a time; nil for no such wait
}

func (c *crowd) enter(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now++
	c.most = max(c.most, c.now)
	if c.now == 2 && c.two != nil {
		close(c.two)
		c.two = nil
	}
	if two := c.two; two != nil {
		c.mu.Unlock()
		select {
		case <-two:
		case <-ctx.Done():
		}
		c.mu.Lock()
		return
	}
	c.mu.Unlock()
	time.Sleep(2 * time.Millisecond) // so that others meet it who should not be there
	c.mu.Lock()
}

func (c *crowd) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
}

// crowded is a store in which segments meet those of other archives.
type crowded struct {
	storage.Storage
	crowd *crowd
}

func (s crowded) Put(ctx context.Context, key string, body io.ReadSeeker, o storage.PutOptions) (storage.PutResult, error) {
	if strings.HasPrefix(key, "segments/") {
		s.crowd.enter(ctx)
		defer s.crowd.leave()
	}
	return s.Storage.Put(ctx, key, body, o)
}

func (s crowded) Get(ctx context.Context, key string, r storage.Range) (io.ReadCloser, storage.ObjectInfo, error) {
	if strings.HasPrefix(key, "segments/") && r == (storage.Range{}) { // a part is a frame or two
		s.crowd.enter(ctx)
		body, info, err := s.Storage.Get(ctx, key, r)
		if err != nil {
			s.crowd.leave()
			return body, info, err
		}
		return leaving{body, s.crowd}, info, nil
	}
	return s.Storage.Get(ctx, key, r)
}

// leaving is a body that leaves the crowd when it is closed.
type leaving struct {
	io.ReadCloser
	crowd *crowd
}

func (l leaving) Close() error {
	l.crowd.leave()
	return l.ReadCloser.Close()
}

// Archives that share memory for a single segment have one at a time between them, in all
// verbs, and none waits for ever: not even a compaction, which reads while it builds.
// Without a limit they do not wait for each other.
func TestArchivesShareMemory(t *testing.T) {
	for name, limit := range map[string]*archiver.Memory{"little": archiver.NewMemory(1), "no limit": nil} {
		t.Run(name, func(t *testing.T) {
			c := &crowd{}
			if limit == nil {
				c.two = make(chan struct{})
			}
			var g errgroup.Group
			for range 6 {
				store := storagetest.NewMemory()
				m := increments(t, store, 3)
				m.commit(200_000) // which does not fit in a manifest
				a := newWith(crowded{store, c}, archiver.Options{Memory: limit})
				target := t.TempDir() + "/restored.grafeo"
				g.Go(func() error {
					for range 3 {
						for _, work := range []func() error{
							func() error {
								_, err := a.Backup(t.Context(), m.path, archiver.BackupOptions{Full: true, Fresh: true})
								return err
							},
							func() error { _, err := a.Verify(t.Context(), archiver.VerifyOptions{Deep: true}); return err },
							func() error {
								_, err := a.Restore(t.Context(), target, archiver.RestoreOptions{Force: true})
								return err
							},
							func() error {
								_, err := a.Compact(t.Context(), archiver.CompactOptions{Min: 2, Tail: 1, Apply: true})
								return err
							},
						} {
							if err := work(); err != nil {
								return err
							}
						}
					}
					return nil
				})
			}
			if err := g.Wait(); err != nil {
				t.Fatal(err)
			}
			if want := limit != nil; (c.most == 1) != want {
				t.Errorf("%d segments at a time", c.most)
			}
		})
	}
}
