package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/storage"
)

// recordingFile and record note the steps of a Put.
type recordingFile struct {
	tempFile
	note func(string)
}

func (f recordingFile) Write(p []byte) (int, error) { f.note("write"); return f.tempFile.Write(p) }
func (f recordingFile) Sync() error                 { f.note("sync file"); return f.tempFile.Sync() }
func (f recordingFile) Close() error                { f.note("close"); return f.tempFile.Close() }

func record(s *Store) *[]string {
	var steps []string
	note := func(step string) { steps = append(steps, step) }
	name := func(path string) string {
		rel, err := filepath.Rel(filepath.Dir(s.root), path)
		if err != nil {
			return path
		}
		return filepath.ToSlash(rel)
	}
	real := realSyscalls()
	s.sys = syscalls{
		createTemp: func(dir string) (tempFile, error) {
			f, err := real.createTemp(dir)
			if err == nil {
				note("create in " + name(dir))
			}
			return recordingFile{f, note}, err
		},
		link:      func(o, n string) error { note("link " + name(n)); return real.link(o, n) },
		rename:    func(o, n string) error { note("rename " + name(n)); return real.rename(o, n) },
		renameNew: func(o, n string) error { note("rename new " + name(n)); return real.renameNew(o, n) },
		syncDir:   func(dir string) error { note("sync " + name(dir)); return real.syncDir(dir) },
	}
	return &steps
}

// Bytes are durable before they have a name, and names before Put returns,
// those of new folders included.
func TestOrderOfSteps(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "root"))
	steps := record(s)
	if err := create(t, s, "a/b/created", "data"); err != nil {
		t.Fatal(err)
	}
	put(t, s, "a/b/plain", "data")
	want := []string{
		"sync .", "sync root", "sync root/a", // the names root, a and b
		"create in root/.tmp", "write", "sync file", "close", "link root/a/b/created", "sync root/a/b",
		"create in root/.tmp", "write", "sync file", "close", "rename root/a/b/plain", "sync root/a/b",
	}
	// Above the root it depends on where the test runs.
	got := slices.DeleteFunc(*steps, func(step string) bool { return strings.HasPrefix(step, "sync ..") })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got)\n%s", diff)
	}
}

// A folder that another process has made but not synced yet is synced here.
func TestFoldersOfOthersAreSyncedToo(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, root)
	var synced []string
	s.sys.syncDir = func(dir string) error { synced = append(synced, dir); return nil }
	put(t, s, "a/b/key", "data")
	want := []string{filepath.Dir(root), root, filepath.Join(root, "a"), filepath.Join(root, "a", "b")}
	if diff := cmp.Diff(want, synced); diff != "" {
		t.Errorf("synced (-want +got)\n%s", diff)
	}
}

// faultyFile fails in one step with err.
type faultyFile struct {
	tempFile
	step string
	err  error
}

func (f faultyFile) Write(p []byte) (int, error) {
	if f.step == "write" {
		n, _ := f.tempFile.Write(p[:len(p)/2])
		return n, f.err
	}
	return f.tempFile.Write(p)
}

func (f faultyFile) Sync() error {
	if f.step == "sync file" {
		return f.err
	}
	return f.tempFile.Sync()
}

func (f faultyFile) Close() error {
	if err := f.tempFile.Close(); f.step != "close" {
		return err
	}
	return f.err
}

// Whatever fails before the name is there leaves the old object and no
// temporary file, and the cause comes through.
func TestEveryStepMayFail(t *testing.T) {
	for _, step := range []string{"create", "write", "sync file", "close", "link", "rename"} {
		for _, cause := range []syscall.Errno{syscall.ENOSPC, syscall.EACCES, syscall.EROFS, syscall.EIO} {
			t.Run(step+" "+cause.Error(), func(t *testing.T) {
				s := open(t, t.TempDir())
				put(t, s, "old", "data")
				real := realSyscalls()
				s.sys.createTemp = func(dir string) (tempFile, error) {
					if step == "create" {
						return nil, &fs.PathError{Op: "open", Path: dir, Err: cause}
					}
					f, err := real.createTemp(dir)
					return faultyFile{f, step, &fs.PathError{Op: "write", Path: dir, Err: cause}}, err
				}
				failing := func(o, n string) error { return &os.LinkError{Op: step, Old: o, New: n, Err: cause} }
				key, opts := "old", storage.PutOptions{}
				switch step {
				case "link":
					s.sys.link = failing
					key, opts = "new", storage.PutOptions{IfAbsent: true}
				case "rename":
					s.sys.rename = failing
				}

				_, err := s.Put(t.Context(), key, strings.NewReader("changed"), opts)
				if !errors.Is(err, cause) {
					t.Errorf("got %v, want %v", err, cause)
				}
				denied := cause == syscall.EACCES || cause == syscall.EROFS
				if got := errors.Is(err, storage.ErrPermission); got != denied {
					t.Errorf("%v is a refused permission: %t, want %t", err, got, denied)
				}
				if got := list(t, s); !slices.Equal(got, []string{"old"}) {
					t.Errorf("there is %q", got)
				}
				if got := get(t, s, "old"); got != "data" {
					t.Errorf("the object is now %q", got)
				}
				if got := temps(t, s); len(got) > 0 {
					t.Errorf("left behind: %q", got)
				}
			})
		}
	}
}

// After the name is there nobody knows whether it lasts: an error, and no
// ErrPreconditionFailed.
func TestSyncOfTheFolderMayFail(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "folder/old", "data")
	s.sys.syncDir = func(string) error { return syscall.EIO }
	err := create(t, s, "folder/new", "data")
	if !errors.Is(err, syscall.EIO) || errors.Is(err, storage.ErrPreconditionFailed) {
		t.Errorf("got %v, want %v", err, syscall.EIO)
	}
	if got := temps(t, s); len(got) > 0 {
		t.Errorf("left behind: %q", got)
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

// A cancelled put stops reading its body; and if that was at its end already,
// it stops before the object gets its name.
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
			body := &endlessBody{limit: limit, each: func(reads int) {
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
		t.Errorf("there is %q", got)
	}
	if got := temps(t, s); len(got) > 0 {
		t.Errorf("left behind: %q", got)
	}
}

// Without hard links the exclusive rename keeps the promise.
func TestRaceWithoutHardLinks(t *testing.T) {
	for _, cause := range []error{syscall.EPERM, syscall.ENOTSUP, syscall.ENOSYS} {
		t.Run(cause.Error(), func(t *testing.T) {
			s := open(t, t.TempDir())
			s.sys.link = func(o, n string) error { return &os.LinkError{Op: "link", Old: o, New: n, Err: cause} }
			for round := range 20 {
				key := fmt.Sprintf("round-%d", round)
				errs := make([]error, 8)
				var wg sync.WaitGroup
				for i := range errs {
					wg.Go(func() { errs[i] = create(t, s, key, fmt.Sprint(i)) })
				}
				wg.Wait()
				winner := slices.Index(errs, nil)
				for i, err := range errs {
					if i != winner && !errors.Is(err, storage.ErrPreconditionFailed) {
						t.Fatalf("%s: writers %d and %d: %v", key, winner, i, err)
					}
				}
				if got := get(t, s, key); got != fmt.Sprint(winner) {
					t.Errorf("%s: writer %d won, stored is that of %s", key, winner, got)
				}
			}
			if got := temps(t, s); len(got) > 0 {
				t.Errorf("left behind: %q", got)
			}
		})
	}
}

func TestNoAtomicCreateIsRefused(t *testing.T) {
	for _, cause := range []error{syscall.EINVAL, errors.ErrUnsupported} {
		s := open(t, t.TempDir())
		s.sys.link = func(string, string) error { return syscall.EPERM }
		s.sys.renameNew = func(string, string) error { return cause }
		err := create(t, s, "key", "data")
		if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "neither hard links nor exclusive renames") {
			t.Errorf("got %v, want %v", err, errors.ErrUnsupported)
		}
		put(t, s, "plain", "data") // needs neither
		if got := list(t, s); !slices.Equal(got, []string{"plain"}) {
			t.Errorf("there is %q", got)
		}
	}
}
