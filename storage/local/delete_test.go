package local

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// withObjects returns the root of a new store with these objects.
func withObjects(t *testing.T, keys ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, key := range keys {
		put(t, open(t, root), key, key)
	}
	return root
}

// Each folder is synced once, after its files are gone, and removed if it is empty.
func TestDeleteAllSyncsEachFolderOnce(t *testing.T) {
	root := withObjects(t, "a/1", "a/2", "a/b/3", "a/b/4", "c/5", "c/stays")
	steps := disktest.New(t, root, nil)
	kept, err := openOn(t, steps, root).DeleteAll(t.Context(), []string{"a/1", "c/5", "a/b/3", "never/6", "a/2", "a/b/4", "a/1"})
	if err != nil || len(kept) > 0 {
		t.Fatalf("kept %v, %v", kept, err)
	}
	want := []string{
		"remove a/1", "remove c/5", "remove a/b/3", "remove a/2", "remove a/b/4",
		"sync a", "sync a/b", "sync c", "remove a", "remove a/b", "remove a", "remove c",
	}
	// What is not durable is synced before anything else.
	got := slices.DeleteFunc(steps.Steps(), func(step string) bool { return !strings.HasPrefix(step, "remove") && !slices.Contains(want, step) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got)\n%s", diff)
	}
	if got := below(t, root); slices.Contains(got, "a") || slices.Contains(got, "never") {
		t.Errorf("there is %q", got)
	}
	if got := list(t, open(t, root)); !slices.Equal(got, []string{"c/stays"}) {
		t.Errorf("there is %q", got)
	}
}

// Only what could not be deleted, or may come back, is kept; the rest is deleted.
func TestDeleteAllWithFailingSteps(t *testing.T) {
	for step, c := range map[string]struct {
		cause error
		kept  []string
	}{
		"remove a/1": {syscall.EACCES, []string{"a/1"}},
		"remove b/3": {syscall.EIO, []string{"b/3"}},
		"sync a":     {syscall.EIO, []string{"a/1", "a/2"}},
	} {
		t.Run(step, func(t *testing.T) {
			root := withObjects(t, "a/1", "a/2", "b/3", "b/4")
			steps := disktest.New(t, root, func(_ int, s string) disktest.Fault {
				if s == step {
					return disktest.Fault{Err: c.cause}
				}
				return disktest.Fault{}
			})
			kept, err := openOn(t, steps, root).DeleteAll(t.Context(), []string{"a/1", "a/2", "b/3", "b/4"})
			if err != nil || len(kept) != len(c.kept) {
				t.Fatalf("kept %v, %v", kept, err)
			}
			for _, key := range c.kept {
				e, ok := errors.AsType[*storage.Error](kept[key])
				if !ok || e.Op != storage.OpDelete || e.Key != key || !errors.Is(e, c.cause) {
					t.Errorf("%s: got %v, want %v", key, kept[key], c.cause)
				}
				if got, want := errors.Is(kept[key], storage.ErrPermission), errors.Is(c.cause, syscall.EACCES); got != want {
					t.Errorf("%s: %v is a refused permission: %t", key, kept[key], got)
				}
			}
			var there []string
			if strings.HasPrefix(step, "remove") {
				there = c.kept
			}
			if got := list(t, open(t, root)); !slices.Equal(got, there) {
				t.Errorf("there is %q, want %q", got, there)
			}
		})
	}
}

// A call whose ctx ends on the way deletes no more files.
func TestDeleteAllIsCancelledOnTheWay(t *testing.T) {
	root := withObjects(t, "a/1", "a/2", "b/3")
	cause := errors.New("the cause")
	ctx, cancel := context.WithCancelCause(t.Context())
	steps := disktest.New(t, root, func(_ int, step string) disktest.Fault {
		if step == "remove a/1" {
			cancel(cause)
		}
		return disktest.Fault{}
	})
	kept, err := openOn(t, steps, root).DeleteAll(ctx, []string{"a/1", "a/2", "b/3"})
	if kept != nil || !errors.Is(err, cause) {
		t.Errorf("kept %v, %v", kept, err)
	}
	if got := list(t, open(t, root)); !slices.Equal(got, []string{"a/2", "b/3"}) {
		t.Errorf("there is %q", got)
	}
}

// Whenever the power fails, what is there is whole; after DeleteAll has returned, nothing
// of it comes back. Objects that it was not about stay.
func TestDeleteAllLosesPower(t *testing.T) {
	gone := []string{"a/1", "a/2", "b/c/3", "d"}
	root := withObjects(t, append([]string{"a/stays"}, gone...)...)
	steps := disktest.New(t, root, nil)
	kept, err := openOn(t, steps, root).DeleteAll(t.Context(), gone)
	if err != nil || len(kept) > 0 {
		t.Fatalf("kept %v, %v", kept, err)
	}
	end, some := len(steps.Steps()), 0
	for k := range end + 1 {
		for seed := range uint64(8) {
			dir := filepath.Join(t.TempDir(), "store")
			steps.Crash(seed, k, dir)
			s := openOn(t, disktest.Unsynced{}, dir)
			there := list(t, s)
			for _, key := range there {
				if get(t, s, key) != key {
					t.Errorf("%s is not whole", key)
				}
			}
			if !slices.Contains(there, "a/stays") || k == end && len(there) > 1 {
				t.Fatalf("lost power after step %d of %q: there is %q", k, steps.Steps(), there)
			}
			if len(there) > 1 && len(there) <= len(gone) {
				some++
			}
		}
	}
	if some == 0 {
		t.Error("it never lost power on the way")
	}
}
