package throttle_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/local"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
	"github.com/gbak-s3/gbak-s3/storage/throttle"
)

// fast limits are used all the time, and never waited for long.
func fast() throttle.Limits {
	return throttle.Limits{Upload: throttle.NewLimit(1 << 40), Download: throttle.NewLimit(1 << 40)}
}

func TestConformance(t *testing.T) {
	for name, open := range map[string]func(*testing.T) storage.Storage{
		"memory": func(*testing.T) storage.Storage { return throttle.New(storagetest.NewMemory(), fast()) },
		"local": func(t *testing.T) storage.Storage {
			s, err := local.Open(filepath.Join(t.TempDir(), "store"))
			if err != nil {
				t.Fatal(err)
			}
			return throttle.New(s, fast())
		},
		"no limits": func(*testing.T) storage.Storage { return throttle.New(storagetest.NewMemory(), throttle.Limits{}) },
	} {
		t.Run(name, func(t *testing.T) {
			storagetest.Run(t, open)
			storagetest.RunModel(t, open)
		})
	}
}

const rate = 20 << 20

// within5 reports whether bytes at the rate of the tests take this long, within 5 %.
func within5(took time.Duration, bytes int) bool {
	return math.Abs(took.Seconds()*rate/float64(bytes)-1) <= 0.05
}

// In any number of workers, which share a limit, uploads and downloads are as fast as
// it says, within 5 %, and do not slow down each other.
func TestLimitIsKept(t *testing.T) {
	for _, c := range []struct{ workers, objects, bytes int }{
		{1, 1, 40 << 20}, {1, 2000, 20 << 10}, {8, 8, 10 << 20}, {8, 64, 1<<20 + 1}, {8, 4000, 10_001},
	} {
		t.Run(fmt.Sprintf("%d workers, %d objects of %d bytes", c.workers, c.objects, c.bytes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := throttle.New(storagetest.NewMemory(), throttle.Limits{Upload: throttle.NewLimit(rate), Download: throttle.NewLimit(rate)})
				body := bytes.Repeat([]byte("x"), c.bytes)
				sum := sha256.Sum256(body)
				uploads := each(c.workers, c.objects, func(key string) error {
					_, err := s.Put(t.Context(), key, bytes.NewReader(body), storage.PutOptions{IfAbsent: true, SHA256: &sum})
					return err
				})
				downloads := each(c.workers, c.objects, func(key string) error {
					r, _, err := s.Get(t.Context(), key, storage.Range{})
					if err != nil {
						return err
					}
					n, err := io.Copy(io.Discard, r)
					if n != int64(c.bytes) {
						t.Errorf("%d bytes came", n)
					}
					return errors.Join(err, r.Close())
				})
				if all := c.objects * c.bytes; !within5(uploads(t), all) || !within5(downloads(t), all) {
					t.Errorf("%d bytes took %v and %v", all, uploads(t), downloads(t))
				}
			})
		})
	}
}

// each calls work for each object, with so many workers, and returns how long that took.
func each(workers, objects int, work func(key string) error) func(*testing.T) time.Duration {
	began := time.Now()
	keys := make(chan string)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for range workers {
		wg.Go(func() {
			for key := range keys {
				if err := work(key); err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
				}
			}
		})
	}
	for i := range objects {
		keys <- fmt.Sprintf("segments/%05d", i)
	}
	close(keys)
	wg.Wait()
	took := time.Since(began)
	return func(t *testing.T) time.Duration {
		if failed != nil {
			t.Fatal(failed)
		}
		return took
	}
}

// Stores with the same limit share it.
func TestStoresShareALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := throttle.Limits{Upload: throttle.NewLimit(rate)}
		const bytesEach = 4 << 20
		took := each(4, 4, func(key string) error {
			_, err := throttle.New(storagetest.NewMemory(), limits).Put(t.Context(), key, bytes.NewReader(make([]byte, bytesEach)), storage.PutOptions{})
			return err
		})(t)
		if !within5(took, 4*bytesEach) {
			t.Errorf("it took %v", took)
		}
	})
}

// twice reads a body as S3 does: to hash it, to send it, and once more.
type twice struct{ *storagetest.Memory }

func (s twice) Put(ctx context.Context, key string, body io.ReadSeeker, o storage.PutOptions) (storage.PutResult, error) {
	for range 2 {
		if _, err := io.Copy(io.Discard, body); err != nil {
			return storage.PutResult{}, err
		}
		if _, err := body.Seek(3, io.SeekStart); err != nil {
			return storage.PutResult{}, err
		}
	}
	return s.Memory.Put(ctx, key, body, o)
}

// A byte is limited once, however often the backend reads it, and bytes before the body's
// offset are not of the object.
func TestBytesCountOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := throttle.New(twice{storagetest.NewMemory()}, throttle.Limits{Upload: throttle.NewLimit(rate)})
		body := bytes.NewReader(make([]byte, 3+5<<20))
		if _, err := body.Seek(3, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		r, err := s.Put(t.Context(), "key", body, storage.PutOptions{})
		if err != nil || r.Size != 5<<20 || !within5(time.Since(began), 5<<20) {
			t.Errorf("%+v, %v, in %v", r, err, time.Since(began))
		}
	})
}

// What passes waits for nobody, even while others queue for hours.
func TestWhatPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := throttle.NewLimit(throttle.MinRate)
		s := throttle.New(storagetest.NewMemory(), throttle.Limits{
			Upload: limit, Download: limit, Pass: func(key string) bool { return key == "manifests/1" },
		})
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("the end")
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := s.Put(ctx, "segments/1", bytes.NewReader(make([]byte, 1<<30)), storage.PutOptions{})
			if !errors.Is(err, cause) {
				t.Errorf("the upload ended with %v", err)
			}
		})
		synctest.Wait()
		began := time.Now()
		if _, err := s.Put(t.Context(), "manifests/1", bytes.NewReader(make([]byte, 1<<20)), storage.PutOptions{IfAbsent: true}); err != nil {
			t.Error(err)
		}
		r, _, err := s.Get(t.Context(), "manifests/1", storage.Range{})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, r); n != 1<<20 || err != nil {
			t.Error(n, err)
		}
		if _, err := s.Head(t.Context(), "manifests/1"); err != nil {
			t.Error(err)
		}
		for _, err := range s.List(t.Context(), "", "") {
			if err != nil {
				t.Error(err)
			}
		}
		if err := s.Delete(t.Context(), "manifests/1"); err != nil {
			t.Error(err)
		}
		if kept, err := storage.DeleteAll(t.Context(), s, []string{"a", "b"}); len(kept) > 0 || err != nil {
			t.Error(kept, err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it waited %v", took)
		}
		cancel(cause)
		wg.Wait()
	})
}

// A deadline that comes before the limit lets anything move ends a call when it is there,
// and not before, as any other context does.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := throttle.New(storagetest.NewMemory(), throttle.Limits{Upload: throttle.NewLimit(throttle.MinRate)})
		cause := errors.New("too late")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, cause)
		defer cancel()
		began := time.Now()
		_, err := s.Put(ctx, "key", bytes.NewReader(make([]byte, 1<<30)), storage.PutOptions{})
		if _, ok := errors.AsType[*storage.Error](err); !ok || !errors.Is(err, cause) || time.Since(began) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// everything is a store with all that a store may offer, which answers in ways of its own.
type everything struct{ *storagetest.Memory }

var errOwn = errors.New("an answer of its own")

func (everything) Inspect(context.Context) storage.StoreInfo {
	return storage.StoreInfo{Versioning: storage.VersioningOn}
}
func (everything) CheckOrigin(context.Context, string) error            { return errOwn }
func (everything) Now(context.Context) (time.Time, error)               { return time.Unix(1, 0), nil }
func (everything) Neighbours(context.Context, string) ([]string, error) { return []string{"a"}, errOwn }
func (everything) Tamper(context.Context, string, storage.Tampering) (storage.TamperOutcome, error) {
	return storage.TamperDenied, errOwn
}
func (everything) DeleteAll(context.Context, []string) (map[string]error, error) {
	return nil, errOwn
}

func TestOfferingsComeThrough(t *testing.T) {
	full := throttle.New(everything{storagetest.NewMemory()}, fast())
	info := full.(storage.Inspector).Inspect(t.Context())
	origin := full.(storage.OriginChecker).CheckOrigin(t.Context(), "key")
	now, err := storage.Now(t.Context(), full)
	neighbours, beside := full.(storage.NeighbourLister).Neighbours(t.Context(), "key")
	_, deleting := storage.DeleteAll(t.Context(), full, []string{"key"})
	if info.Versioning != storage.VersioningOn || !errors.Is(origin, errOwn) || err != nil || now != time.Unix(1, 0) ||
		len(neighbours) != 1 || !errors.Is(beside, errOwn) || !errors.Is(deleting, errOwn) {
		t.Errorf("%v, %v, %v, %v, %v, %v, %v", info, origin, now, err, neighbours, beside, deleting)
	}
	if outcome, err := storage.Tamper(t.Context(), full, "key", storage.DeleteVersion); outcome != storage.TamperDenied || !errors.Is(err, errOwn) {
		t.Errorf("%s, %v", outcome, err)
	}
	bare := throttle.New(struct{ storage.Storage }{storagetest.NewMemory()}, fast())
	info = bare.(storage.Inspector).Inspect(t.Context())
	origin = bare.(storage.OriginChecker).CheckOrigin(t.Context(), "key")
	neighbours, beside = bare.(storage.NeighbourLister).Neighbours(t.Context(), "key")
	if _, err := storage.Now(t.Context(), bare); !errors.Is(err, storage.ErrNoTime) {
		t.Errorf("without a clock: %v", err)
	}
	if _, err := storage.Tamper(t.Context(), bare, "key", storage.DeleteVersion); !errors.Is(err, storage.ErrNoVersions) {
		t.Errorf("without versions: %v", err)
	}
	if info.Versioning != "" || origin != nil || neighbours != nil || beside != nil {
		t.Errorf("%v, %v, %v, %v", info, origin, neighbours, beside)
	}
}
