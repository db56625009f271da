package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
)

func openOn(t *testing.T, d disk.Disk, root string) *Store {
	t.Helper()
	s, err := OpenOn(d, root)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Bytes are durable before they get a name, and names, with those of new folders,
// before Put returns.
func TestOrderOfSteps(t *testing.T) {
	dir := t.TempDir()
	steps := disktest.New(t, dir, nil)
	s := openOn(t, steps, filepath.Join(dir, "root"))
	if err := create(t, s, "a/b/created", "data"); err != nil {
		t.Fatal(err)
	}
	put(t, s, "a/b/plain", "data")
	want := []string{
		"mkdir root", "sync .", "mkdir root/a", "sync root", "mkdir root/a/b", "sync root/a",
		"create root/.tmp/put-N", "mkdir root/.tmp", "create root/.tmp/put-N",
		"write root/.tmp/put-N", "sync file root/.tmp/put-N", "close root/.tmp/put-N",
		"link root/.tmp/put-N root/a/b/created", "remove root/.tmp/put-N", "sync root/a/b",
		"create root/.tmp/put-N", "write root/.tmp/put-N", "sync file root/.tmp/put-N", "close root/.tmp/put-N",
		"rename root/.tmp/put-N root/a/b/plain", "sync root/a/b",
	}
	// Above the root it depends on where the test runs.
	got := slices.DeleteFunc(steps.Steps(), func(step string) bool { return strings.HasPrefix(step, "sync ..") })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got)\n%s", diff)
	}
}

// A folder that another process made and has not synced yet is synced here.
func TestFoldersOfOthersAreSyncedToo(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "root", "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	steps := disktest.New(t, dir, nil)
	put(t, openOn(t, steps, filepath.Join(dir, "root")), "a/b/key", "data")
	want := []string{"sync .", "sync root", "sync root/a", "sync root/a/b"}
	if diff := cmp.Diff(want, syncs(steps)); diff != "" {
		t.Errorf("synced (-want +got)\n%s", diff)
	}
}

// syncs returns the folders that were synced.
func syncs(r *disktest.Recorder) []string {
	return slices.DeleteFunc(r.Steps(), func(step string) bool {
		return !strings.HasPrefix(step, "sync ") || strings.HasPrefix(step, "sync file ")
	})
}

// An object of another process, which may have died before it synced the name, is
// durable before this process puts anything, which may build on it.
func TestObjectsOfOthersAreSyncedToo(t *testing.T) {
	for name, look := range map[string]func(t *testing.T, s *Store){
		"list": func(t *testing.T, s *Store) { list(t, s) },
		"get":  func(t *testing.T, s *Store) { get(t, s, "theirs/key") },
		"head": func(t *testing.T, s *Store) {
			if _, err := s.Head(t.Context(), "theirs/key"); err != nil {
				t.Fatal(err)
			}
		},
		"put": func(t *testing.T, s *Store) {
			if err := create(t, s, "theirs/key", "data"); !errors.Is(err, storage.ErrPreconditionFailed) {
				t.Fatalf("got %v, want %v", err, storage.ErrPreconditionFailed)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			put(t, open(t, root), "theirs/key", "data")
			put(t, open(t, root), "ours/other", "data")
			steps := disktest.New(t, root, nil)
			s := openOn(t, steps, root)
			look(t, s)
			put(t, s, "ours/key", "data")
			all := steps.Steps()
			synced := slices.Index(all, "sync theirs")
			if renamed := slices.Index(all, "rename .tmp/put-N ours/key"); synced < 0 || renamed < synced || name == "get" && synced > 0 {
				t.Errorf("the steps are %q", all)
			}
		})
	}
}

// A failure before the object has its name leaves the old object and no temporary file,
// and the cause is in the error. After that it is unknown whether the name lasts: the
// error is not a refusal.
func TestEveryStepMayFail(t *testing.T) {
	for _, opts := range []storage.PutOptions{{}, {IfAbsent: true}} {
		for _, cause := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EACCES, syscall.EROFS, syscall.EIO} {
			t.Run(fmt.Sprintf("%s, if absent: %v", cause, opts.IfAbsent), func(t *testing.T) {
				for k := 1; failsAt(t, k, cause, opts); k++ {
					if k > 30 {
						t.Fatal("it has no end")
					}
				}
			})
		}
	}
}

// isNaming reports whether a step gives the object its name.
func isNaming(step string) bool {
	return strings.HasPrefix(step, "link ") || strings.HasPrefix(step, "rename ")
}

// failsAt puts an object while step k fails, and reports whether there was such a step.
func failsAt(t *testing.T, k int, cause syscall.Errno, opts storage.PutOptions) bool {
	t.Helper()
	root := t.TempDir()
	put(t, open(t, root), "old", "data")
	key := "folder/new"
	if !opts.IfAbsent {
		key = "old"
	}
	steps := disktest.New(t, root, disktest.FailAt(k, cause))
	_, err := openOn(t, steps, root).Put(t.Context(), key, strings.NewReader("changed"), opts)
	all := steps.Steps()
	if len(all) < k {
		if err != nil || k < 6 {
			t.Fatalf("%d steps, %v", len(all), err)
		}
		return false
	}
	there := "data"
	s := open(t, root)
	switch step := all[k-1]; {
	case step == "sync ..", strings.HasPrefix(step, "remove "):
		return true // the folder above is not ours; a temporary file that stays is swept later
	case err == nil && strings.HasPrefix(step, "link ") && (cause == syscall.EACCES || cause == syscall.EIO):
		there = "changed" // file systems without links have many errors for it: it was renamed
	case slices.ContainsFunc(all[:k-1], isNaming):
		if err == nil || errors.Is(err, storage.ErrPreconditionFailed) || errors.Is(err, storage.ErrPermission) || errors.Is(err, cause) ||
			!strings.Contains(err.Error(), cause.Error()) {
			t.Errorf("%s: got %v", step, err)
		}
		there = "changed"
	case !errors.Is(err, cause):
		t.Errorf("%s: got %v, want %v", step, err, cause)
	default:
		denied := cause == syscall.EACCES || cause == syscall.EROFS
		if got := errors.Is(err, storage.ErrPermission); got != denied {
			t.Errorf("%s: %v is a refused permission: %t, want %t", step, err, got, denied)
		}
		if opts.IfAbsent && len(list(t, s)) != 1 {
			t.Errorf("%s: the store has %q", step, list(t, s))
		}
	}
	if !opts.IfAbsent && get(t, s, "old") != there {
		t.Errorf("%s: the object is now %q", all[k-1], get(t, s, "old"))
	}
	if got := temps(t, s); len(got) > 0 {
		t.Errorf("%s left behind: %q", all[k-1], got)
	}
	return true
}

// A name whose sync failed is not shown before a sync succeeds, not even to a caller
// who asks whether its put succeeded after all.
func TestNotShownBeforeItIsDurable(t *testing.T) {
	root := t.TempDir()
	put(t, open(t, root), "folder/old", "data")
	broken := true
	s := openOn(t, disktest.New(t, root, func(_ int, step string) disktest.Fault {
		if broken && step == "sync folder" {
			return disktest.Fault{Err: syscall.EIO}
		}
		return disktest.Fault{}
	}), root)
	if err := create(t, s, "folder/new", "data"); err == nil {
		t.Error("the put has succeeded")
	}
	if _, _, err := s.Get(t.Context(), "folder/new", storage.Range{}); !errors.Is(err, syscall.EIO) {
		t.Errorf("get: got %v, want %v", err, syscall.EIO)
	}
	if _, err := s.Head(t.Context(), "folder/new"); !errors.Is(err, syscall.EIO) {
		t.Errorf("head: got %v, want %v", err, syscall.EIO)
	}
	if err := create(t, s, "folder/new", "data"); !errors.Is(err, syscall.EIO) || errors.Is(err, storage.ErrPreconditionFailed) {
		t.Errorf("put again: got %v, want %v", err, syscall.EIO)
	}
	for _, err := range s.List(t.Context(), "folder/", "") {
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("list: got %v, want %v", err, syscall.EIO)
		}
	}
	broken = false
	if err := create(t, s, "folder/new", "data"); !errors.Is(err, storage.ErrPreconditionFailed) {
		t.Errorf("put when it works again: got %v, want %v", err, storage.ErrPreconditionFailed)
	}
	if got := get(t, s, "folder/new"); got != "data" {
		t.Errorf("got %q", got)
	}
}

// endlessBody yields bytes until limit reads are made, calling each first.
type endlessBody struct {
	io.Seeker
	reads, limit int
	each         func(reads int)
}

func (b *endlessBody) Read(p []byte) (int, error) {
	b.each(b.reads)
	if b.reads++; b.reads > b.limit {
		return 0, io.EOF
	}
	return len(p), nil
}

// A cancelled put stops reading its body. If it has read all of it, it stops before the
// object gets its name.
func TestCancelledOnTheWay(t *testing.T) {
	const limit = 50
	for name, c := range map[string]struct{ cancelAt, wantReads int }{
		"in the middle": {10, 11},
		"at the end":    {limit, limit + 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			cause := errors.New("the cause")
			ctx, cancel := context.WithCancelCause(t.Context())
			body := &endlessBody{Seeker: bytes.NewReader(nil), limit: limit, each: func(reads int) {
				if reads == c.cancelAt {
					cancel(cause)
				}
			}}
			_, err := s.Put(ctx, "key", body, storage.PutOptions{})
			if !errors.Is(err, cause) || body.reads != c.wantReads {
				t.Errorf("got %v after %d reads, want %v after %d", err, body.reads, cause, c.wantReads)
			}
			if got := append(list(t, s), temps(t, s)...); len(got) > 0 {
				t.Errorf("left behind: %q", got)
			}
		})
	}
}

func TestAFileWhereAFolderIsNeeded(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "a", "data")
	for _, ifAbsent := range []bool{false, true} {
		_, err := s.Put(t.Context(), "a/b", strings.NewReader("data"), storage.PutOptions{IfAbsent: ifAbsent})
		if err == nil || errors.Is(err, storage.ErrPreconditionFailed) {
			t.Errorf("a below an object: got %v", err)
		}
	}
	put(t, s, "c/d", "data")
	for _, ifAbsent := range []bool{false, true} {
		_, err := s.Put(t.Context(), "c", strings.NewReader("data"), storage.PutOptions{IfAbsent: ifAbsent})
		if err == nil || errors.Is(err, storage.ErrPreconditionFailed) {
			t.Errorf("an object in place of a folder: got %v", err)
		}
	}
	if got := list(t, s); !slices.Equal(got, []string{"a", "c/d"}) {
		t.Errorf("the store has %q", got)
	}
	if got := temps(t, s); len(got) > 0 {
		t.Errorf("left behind: %q", got)
	}
}
