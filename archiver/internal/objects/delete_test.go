package objects

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// full is a store with an object under each key.
func full(t *testing.T, keys ...string) *storagetest.Memory {
	t.Helper()
	m := storagetest.NewMemory()
	for _, key := range keys {
		if _, err := m.Put(t.Context(), key, strings.NewReader(key), storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func keysOf(m *storagetest.Memory) []string { return slices.Sorted(maps.Keys(m.Objects())) }

// Keys that the store was too busy for, or said nothing clear about, are deleted by
// another request; those that it refuses are not asked for again.
func TestDeleteAllRepeatsWhatMayHelp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := full(t, "busy", "denied", "odd", "plain")
		asked := map[string]int{}
		faulty := storagetest.NewFaulty(m, func(storage.Op, string, int) storagetest.Fault {
			return storagetest.Fault{Refuse: func(key string) error {
				asked[key]++
				switch {
				case key == "denied":
					return storage.ErrPermission
				case key == "busy" && asked[key] < 4:
					return storage.ErrUnavailable
				case key == "odd" && asked[key] < 3:
					return errors.New("no clear answer")
				}
				return nil
			}}
		})
		kept, err := storeOf(faulty).DeleteAll(t.Context(), []string{"busy", "denied", "odd", "plain", "never"})
		if err != nil || len(kept) != 1 || !errors.Is(kept["denied"], storage.ErrPermission) {
			t.Errorf("kept %v, %v", kept, err)
		}
		if want := map[string]int{"busy": 4, "denied": 1, "odd": 3, "plain": 1, "never": 1}; !maps.Equal(asked, want) {
			t.Errorf("asked %v, want %v", asked, want)
		}
		if got := keysOf(m); !slices.Equal(got, []string{"denied"}) {
			t.Errorf("there is %q", got)
		}
	})
}

// A store that stays busy is given up after the patience, and each key says why.
func TestDeleteAllGivesUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err     error
		longest time.Duration
	}{
		"busy":     {storage.ErrUnavailable, time.Second + 8*time.Second},
		"no sense": {errors.New("no clear answer"), 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := full(t, "a", "b")
				faulty := storagetest.NewFaulty(m, func(storage.Op, string, int) storagetest.Fault {
					return storagetest.Fault{Refuse: func(key string) error {
						if key == "b" {
							return c.err
						}
						return nil
					}}
				})
				began := time.Now()
				kept, err := storeOf(faulty).DeleteAll(t.Context(), []string{"a", "b"})
				if took := time.Since(began); err != nil || len(kept) != 1 || !errors.Is(kept["b"], c.err) || took > c.longest {
					t.Errorf("kept %v, %v, in %s", kept, err, took)
				}
			})
		})
	}
}

// An error of the whole call is returned at once, even after a part of the keys was
// answered: the backend has retried it.
func TestDeleteAllFailsAsAWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := full(t, "a", "b")
		faulty := storagetest.NewFaulty(m, func(_ storage.Op, _ string, n int) storagetest.Fault {
			if n == 2 {
				return storagetest.Fault{Err: storage.ErrUnavailable}
			}
			return storagetest.Fault{Refuse: func(string) error { return storage.ErrUnavailable }}
		})
		kept, err := storeOf(faulty).DeleteAll(t.Context(), []string{"a", "b"})
		if kept != nil || !errors.Is(err, storage.ErrUnavailable) || len(faulty.Calls()) != 2 {
			t.Errorf("kept %v, %v, with %d calls", kept, err, len(faulty.Calls()))
		}
	})
}

// A pause ends with ctx.
func TestDeleteAllIsCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("the cause")
		ctx, cancel := context.WithCancelCause(t.Context())
		faulty := storagetest.NewFaulty(full(t, "a"), func(storage.Op, string, int) storagetest.Fault {
			time.AfterFunc(time.Millisecond, func() { cancel(cause) })
			return storagetest.Fault{Refuse: func(string) error { return storage.ErrUnavailable }}
		})
		kept, err := storeOf(faulty).DeleteAll(ctx, []string{"a"})
		if e, ok := errors.AsType[*storage.Error](err); !ok || !errors.Is(err, cause) || e.Key != "a" || kept != nil {
			t.Errorf("kept %v, %v", kept, err)
		}
	})
}

// bare is a store that is nothing but a store.
type bare struct{ storage.Storage }

// A store without batches gets one Delete for each key, and none after it has stopped
// answering; one without a clock shows no time. A single writer's store is what the
// store below is.
func TestOptionalInterfaces(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		open  func(storage.Storage) storage.Storage
		calls int
	}{
		"batches": {func(s storage.Storage) storage.Storage { return s }, 1},
		"bare":    {func(s storage.Storage) storage.Storage { return bare{s} }, 3},
	} {
		for _, alone := range []bool{false, true} {
			m := full(t, "a", "b")
			faulty := storagetest.NewFaulty(m, nil)
			s := storeOf(c.open(faulty))
			if alone {
				s = s.ForSingleWriter()
			}
			kept, err := s.DeleteAll(t.Context(), []string{"a", "b", "c"})
			if err != nil || len(kept) > 0 || len(keysOf(m)) > 0 || count(faulty.Calls(), storage.OpDelete) != c.calls {
				t.Errorf("%s, single writer %t: kept %v, %v; calls %v", name, alone, kept, err, faulty.Calls())
			}
			then := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
			m.SetClock(func() time.Time { return then })
			now, err := s.Now(t.Context())
			if shows := c.calls == 1; shows && (err != nil || !now.Equal(then)) || !shows && !errors.Is(err, storage.ErrNoTime) {
				t.Errorf("%s, single writer %t: it is %v, %v", name, alone, now, err)
			}
		}
	}
}
