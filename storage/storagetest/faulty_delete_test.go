package storagetest_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// bare is a store that is nothing but a store.
type bare struct{ storage.Storage }

// DeleteAll of a store without batches keeps the same contract.
func TestStoreWithoutBatchesConforms(t *testing.T) {
	open := func(*testing.T) storage.Storage { return bare{storagetest.NewMemory()} }
	storagetest.Run(t, open)
	storagetest.RunModel(t, open)
}

// Stores in front of another one are what it is.
func TestStoresInFrontConform(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Storage { return storagetest.Silent{Storage: storagetest.NewMemory()} })
	storagetest.Run(t, func(*testing.T) storage.Storage {
		return storagetest.NewCareless(storagetest.NewMemory(), storagetest.Honours)
	})
}

// withObjects returns a store with an object under each key.
func withObjects(t *testing.T, keys ...string) *storagetest.Memory {
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

func TestFaultyDeleteAll(t *testing.T) {
	refuse := func(key string) error {
		if key == "b" {
			return errFault
		}
		return nil
	}
	for name, c := range map[string]struct {
		fault storagetest.Fault
		err   error
		kept  []string
		left  []string
		line  string
	}{
		"none":       {storagetest.Fault{}, nil, nil, nil, "delete a and 2 more: ok"},
		"before":     {storagetest.Fault{Err: errFault}, errFault, nil, []string{"a", "b", "c"}, "delete a and 2 more: injected"},
		"after":      {storagetest.Fault{Err: errFault, Apply: true}, errFault, nil, nil, "delete a and 2 more: injected"},
		"in part":    {storagetest.Fault{Err: errFault, Apply: true, Part: 2}, errFault, nil, []string{"c"}, "delete a and 2 more: injected"},
		"refused":    {storagetest.Fault{Refuse: refuse}, nil, []string{"b"}, []string{"b"}, "delete a and 2 more: 1 not deleted"},
		"a mere yes": {storagetest.Fault{Pretend: true}, nil, nil, []string{"a", "b", "c"}, "delete a and 2 more: ok"},
	} {
		t.Run(name, func(t *testing.T) {
			memory := withObjects(t, "a", "b", "c")
			faulty := storagetest.NewFaulty(memory, func(op storage.Op, key string, n int) storagetest.Fault {
				if op != storage.OpDelete || key != "a" || n != 1 {
					t.Errorf("the hook was asked about call %d, %s %s", n, op, key)
				}
				return c.fault
			})
			var requests storage.Requests
			kept, err := faulty.DeleteAll(storage.CountRequests(t.Context(), &requests), []string{"a", "b", "c"})
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("got %v, want %v", err, c.err)
			}
			if diff := cmp.Diff(c.kept, slices.Sorted(maps.Keys(kept))); diff != "" {
				t.Errorf("kept (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(c.left, keysOf(memory)); diff != "" {
				t.Errorf("left (-want +got)\n%s", diff)
			}
			if got := faulty.Text(); got != c.line+"\n" {
				t.Errorf("logged %q, want %q", got, c.line)
			}
			if got := requests.Counts(); got != (storage.RequestCounts{Delete: 1}) {
				t.Errorf("counted %+v", got)
			}
		})
	}
}

// What is held back arrives when it is let go, as it was sent, and as often.
func TestFaultyHoldsBack(t *testing.T) {
	for name, c := range map[string]struct {
		call func(ctx context.Context, s storage.Storage) error
		left []string // after it was let go
	}{
		"put": {func(ctx context.Context, s storage.Storage) error {
			buffer := []byte("late")
			_, err := s.Put(ctx, "new", bytes.NewReader(buffer), storage.PutOptions{IfAbsent: true})
			copy(buffer, "used")
			return err
		}, []string{"a", "b", "new"}},
		"delete": {func(ctx context.Context, s storage.Storage) error { return s.Delete(ctx, "a") }, []string{"b"}},
		"delete all": {func(ctx context.Context, s storage.Storage) error {
			keys := []string{"a", "b"}
			_, err := storage.DeleteAll(ctx, s, keys)
			keys[0], keys[1] = "c", "d"
			return err
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			memory := withObjects(t, "a", "b")
			var letGo func()
			faulty := storagetest.NewFaulty(memory, func(storage.Op, string, int) storagetest.Fault {
				return storagetest.Fault{Err: errFault, Later: func(f func()) { letGo = f }}
			})
			ctx, cancel := context.WithCancel(t.Context())
			if err := c.call(ctx, faulty); !errors.Is(err, errFault) {
				t.Fatalf("got %v, want %v", err, errFault)
			}
			cancel() // its sender is gone
			if got := keysOf(memory); !slices.Equal(got, []string{"a", "b"}) {
				t.Errorf("before: %q", got)
			}
			for range 2 {
				letGo()
				if got := keysOf(memory); !slices.Equal(got, c.left) {
					t.Errorf("after: %q, want %q", got, c.left)
				}
			}
			if got := memory.Objects()["new"]; name == "put" && string(got) != "late" {
				t.Errorf("put was %q", got)
			}
		})
	}
}
