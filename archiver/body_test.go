package archiver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// flow is how the bodies of segments, or of what begins with prefix, come.
type flow struct {
	storage.Storage
	prefix string
	part   int64         // bytes at a time
	pause  time.Duration // between two parts
	until  int64         // bytes of a body, then it ends with err
	dead   int64         // no byte from this offset of the object on, if it is set
	err    error
	whole  bool // no ranges
	grows  bool // each time that it is asked

	mu     sync.Mutex
	asked  map[string][]storage.Range
	served map[string]int64
}

func (f *flow) Get(ctx context.Context, key string, r storage.Range) (io.ReadCloser, storage.ObjectInfo, error) {
	body, info, err := f.Storage.Get(ctx, key, r)
	if err != nil || !strings.HasPrefix(key, f.prefix) {
		return body, info, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[key] = append(f.asked[key], r)
	if f.grows {
		info.Size += int64(len(f.asked[key])) - 1
	}
	if f.whole && r != (storage.Range{}) {
		return nil, info, errors.Join(&storage.Error{Op: storage.OpGet, Key: key, Err: errors.New("this store has no ranges")}, body.Close())
	}
	return &flowing{f, ctx, key, body, r.Offset, f.until}, info, nil
}

type flowing struct {
	*flow
	ctx  context.Context // as long as it is read
	key  string
	body io.ReadCloser
	at   int64
	left int64
}

func (f *flowing) Read(p []byte) (int, error) {
	if f.left <= 0 {
		return 0, &storage.Error{Op: storage.OpGet, Key: f.key, Err: f.err}
	}
	if f.dead > 0 && f.at >= f.dead {
		<-f.ctx.Done()
		return 0, &storage.Error{Op: storage.OpGet, Key: f.key, Err: context.Cause(f.ctx)}
	}
	select {
	case <-f.ctx.Done():
		return 0, &storage.Error{Op: storage.OpGet, Key: f.key, Err: context.Cause(f.ctx)}
	case <-time.After(f.pause):
	}
	n := min(int64(len(p)), f.part, f.left)
	if f.dead > 0 {
		n = min(n, f.dead-f.at)
	}
	m, err := f.body.Read(p[:n])
	f.at, f.left = f.at+int64(m), f.left-int64(m)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.served[f.key] += int64(m)
	return m, err
}

func (f *flowing) Close() error { return f.body.Close() }

// Bodies that break off are continued where they were, for as long as something
// comes, and end when nothing does for the time that is set.
func TestBodiesAreContinued(t *testing.T) {
	const mib = 1 << 20
	path := filepath.Join(t.TempDir(), "db.grafeo")
	if err := grafeotest.Image06(path, grafeotest.Image06Options{Size: 3 * mib, Iteration: 1, Epoch: 1}); err != nil {
		t.Fatal(err)
	}
	inner := storagetest.NewMemory()
	if _, err := newArchive(inner).Backup(t.Context(), path, archiver.BackupOptions{SegmentBytes: mib, Full: true}); err != nil {
		t.Fatal(err)
	}
	want := wholePart(t, path)
	const patience = 2 * time.Minute
	for name, c := range map[string]struct {
		*flow
		code     archiver.Code
		words    string
		min, max time.Duration
		twice    bool // bytes may come twice
	}{
		"whole":                {flow: &flow{until: mib << 4}, max: time.Second},
		"cut after 100 KB":     {flow: &flow{until: 100_000, err: io.ErrUnexpectedEOF}, max: time.Minute},
		"reset after 100 KB":   {flow: &flow{until: 100_000, err: fmt.Errorf("reset: %w", storage.ErrUnavailable)}, max: time.Minute},
		"5 KiB in 119 s":       {flow: &flow{until: mib << 4, part: 5 << 10, pause: 119 * time.Second}, min: time.Hour, max: 24 * time.Hour},
		"a KiB in 119 s":       {flow: &flow{until: mib << 4, part: 1 << 10, pause: 119 * time.Second}, code: archiver.CodeStore, words: "in 2m0s", min: patience, max: 3 * patience},
		"silent":               {flow: &flow{until: mib << 4, dead: 77_777}, code: archiver.CodeStore, words: "after 77777 of", min: patience, max: patience + time.Second},
		"cut where it was":     {flow: &flow{until: mib << 4, dead: 1}, code: archiver.CodeStore, words: "no data from it", min: patience, max: patience + time.Second},
		"always nothing":       {flow: &flow{until: 0, err: io.ErrUnexpectedEOF}, code: archiver.CodeStore, words: "attempts in 2m", min: patience, max: patience + 10*time.Second},
		"no ranges, cut":       {flow: &flow{until: 300_000, err: io.ErrUnexpectedEOF, whole: true}, code: archiver.CodeStore, words: "after 300000 of", min: patience, max: patience + 10*time.Second, twice: true},
		"a disk that fails":    {flow: &flow{until: 100_000, err: syscall.EIO}, code: archiver.CodeStore, words: "input/output error", max: 10 * time.Second, twice: true},
		"another object":       {flow: &flow{until: 100_000, err: io.ErrUnexpectedEOF, grows: true}, code: archiver.CodeDamagedArchive, words: "bytes instead of", max: 10 * time.Second, twice: true},
		"documents, cut":       {flow: &flow{prefix: "manifests/", until: 100, err: io.ErrUnexpectedEOF}, max: 10 * time.Second},
		"documents, no answer": {flow: &flow{prefix: "archive.json", until: 0, err: io.ErrUnexpectedEOF}, code: archiver.CodeStore, words: "attempts in 2m", min: patience, max: patience + 10*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := c.flow
				f.Storage, f.asked, f.served = inner, map[string][]storage.Range{}, map[string]int64{}
				if f.prefix == "" {
					f.prefix = "segments/"
				}
				if f.part == 0 {
					f.part = mib
				}
				dir := t.TempDir()
				began := time.Now()
				_, err := newWith(f, archiver.Options{Concurrency: 1, StoreTimeout: patience}).Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{})
				if took := time.Since(began); took < c.min || took > c.max {
					t.Errorf("it took %v: %v", took, err)
				}
				if c.code != "" {
					mustFail(t, err, c.code, c.words)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := contents(t, dir); got["db.grafeo"] != want["db.grafeo"] {
					t.Error("it differs")
				}
				for key, served := range f.served {
					if size := int64(len(inner.Objects()[key])); served != size && !c.twice {
						t.Errorf("%d bytes of the %d of %s were sent: %v", served, size, key, f.asked[key])
					}
				}
			})
		})
	}
}
