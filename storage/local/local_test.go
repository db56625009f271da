package local

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// TestMain is also the other processes that some tests need, see childTask.
func TestMain(m *testing.M) {
	if task := os.Getenv(childTask); task != "" {
		if err := runChild(task, os.Getenv(childRoot), os.Getenv(childName)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func open(t *testing.T, root string) *Store {
	t.Helper()
	s, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *Store, key, data string) {
	t.Helper()
	if _, err := s.Put(t.Context(), key, strings.NewReader(data), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, s *Store, key, data string) error {
	t.Helper()
	_, err := s.Put(t.Context(), key, strings.NewReader(data), storage.PutOptions{IfAbsent: true})
	return err
}

func get(t *testing.T, s *Store, key string) string {
	t.Helper()
	body, _, err := s.Get(t.Context(), key, storage.Range{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func list(t *testing.T, s *Store) []string {
	t.Helper()
	var keys []string
	for info, err := range s.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

func temps(t *testing.T, s *Store) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(s.root, tempDir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestConformance(t *testing.T) {
	special := "%20+&#?*"
	if runtime.GOOS == "windows" {
		special = "%20+&#" // what it allows
	}
	for name, sub := range map[string]string{
		"existing folder":    "",
		"folder to be made":  "not/there yet",
		"spaces and unicode": "ein Örtchen/日本 語/" + special,
	} {
		t.Run(name, func(t *testing.T) {
			storagetest.Run(t, func(t *testing.T) storage.Storage { return open(t, filepath.Join(t.TempDir(), sub)) })
		})
	}
}

func TestBehavesLikeMemory(t *testing.T) {
	storagetest.RunModel(t, func(t *testing.T) storage.Storage { return open(t, t.TempDir()) })
}

func TestOpenCreatesNothing(t *testing.T) {
	root := filepath.Join(t.TempDir(), "a", "b")
	s := open(t, root)
	if _, err := s.Head(t.Context(), "key"); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("head: got %v, want %v", err, storage.ErrNotExist)
	}
	if _, _, err := s.Get(t.Context(), "key", storage.Range{}); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("get: got %v, want %v", err, storage.ErrNotExist)
	}
	if err := s.Delete(t.Context(), "key"); err != nil {
		t.Error(err)
	}
	if keys := list(t, s); len(keys) > 0 {
		t.Errorf("list: got %q", keys)
	}
	if _, err := os.Stat(filepath.Dir(root)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was created: %v", err)
	}
}

func TestOpenRefusesWhatIsNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{"", file, filepath.Join(file, "below")} {
		if _, err := Open(root); err == nil {
			t.Errorf("open %q: no error", root)
		}
	}
}

func TestStaysInItsFolderWhenTheProcessMoves(t *testing.T) {
	t.Chdir(t.TempDir())
	s := open(t, "archive")
	root := s.root
	put(t, s, "a", "data")
	t.Chdir(t.TempDir())
	put(t, s, "b", "data")
	if got := list(t, open(t, root)); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %q", got)
	}
}

func TestModesArePrivate(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "root"))
	put(t, s, "folder/plain", "data")
	if err := create(t, s, "folder/created", "data"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{
		"":               fs.ModeDir | 0o700,
		tempDir:          fs.ModeDir | 0o700,
		"folder":         fs.ModeDir | 0o700,
		"folder/plain":   0o600,
		"folder/created": 0o600,
	} {
		info, err := os.Stat(filepath.Join(s.root, path))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%q has mode %v, want %v", path, info.Mode(), want)
		}
	}
}

func TestForeignFilesAreIgnored(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "a/b", "data")
	for _, name := range []string{".hidden", "draft~", "with space", "a/.DS_Store", "a/Copy of b", "draft~.d/key", ".git/config", ".tmp/put-1"} {
		path := filepath.Join(s.root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(s.root, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := list(t, s); !slices.Equal(got, []string{"a/b"}) {
		t.Errorf("got %q", got)
	}
}

func TestSymbolicLinksAreFollowed(t *testing.T) {
	s := open(t, t.TempDir())
	elsewhere := open(t, t.TempDir())
	put(t, elsewhere, "x/object", "data")
	for link, target := range map[string]string{
		"folder":   filepath.Join(elsewhere.root, "x"),
		"file":     filepath.Join(elsewhere.root, "x", "object"),
		"dangling": filepath.Join(elsewhere.root, "missing"),
	} {
		if err := os.Symlink(target, filepath.Join(s.root, link)); err != nil {
			t.Fatal(err)
		}
	}
	if got := list(t, s); !slices.Equal(got, []string{"file", "folder/object"}) {
		t.Errorf("got %q", got)
	}
	if got := get(t, s, "folder/object"); got != "data" {
		t.Errorf("got %q", got)
	}
}

func TestGetOfAFileThatShrinks(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "key", strings.Repeat("x", 1000))
	body, _, err := s.Get(t.Context(), "key", storage.Range{})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if err := os.Truncate(filepath.Join(s.root, "key"), 400); err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(body)
	if len(data) != 400 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read %d bytes, %v; want 400, %v", len(data), err, io.ErrUnexpectedEOF)
	}
}

func TestStaleTempsAreSwept(t *testing.T) {
	root := t.TempDir()
	put(t, open(t, root), "key", "data")
	write := func(name string, age time.Duration) string {
		path := filepath.Join(root, tempDir, name)
		at := time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("put-stale", tempMaxAge+time.Hour)
	inUse := write("put-in-use", tempMaxAge-time.Hour)

	s := open(t, root)
	list(t, s)
	if got := temps(t, s); len(got) != 2 {
		t.Errorf("reading changed the temporary files: %q", got)
	}
	put(t, s, "key", "data")
	if got := temps(t, s); !slices.Equal(got, []string{inUse}) {
		t.Errorf("after a put there is %q, want only %q", got, inUse)
	}
}

func TestPutAfterTheFolderWasRemoved(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "root"))
	put(t, s, "folder/key", "data")
	if err := os.RemoveAll(s.root); err != nil {
		t.Fatal(err)
	}
	// The first put may fail, since the store still counts on the folder.
	_, _ = s.Put(t.Context(), "folder/key", bytes.NewReader(nil), storage.PutOptions{})
	put(t, s, "folder/key", "again")
	if got := get(t, s, "folder/key"); got != "again" {
		t.Errorf("got %q", got)
	}
}

// TestOpenLinkToNothing: a link to nothing is not an empty store, in which the next
// backup would begin a new archive. Most often it is a disk that is not mounted.
func TestOpenLinkToNothing(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "nowhere"), link); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{link, filepath.Join(link, "deep", "archive")} {
		if _, err := Open(root); err == nil || !strings.Contains(err.Error(), link+" is a link to") {
			t.Errorf("%s: %v", root, err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "nowhere"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(link, "deep", "archive")); err != nil {
		t.Error(err)
	}
}

// Deleting the last object of a folder removes the folder, and the root if the store
// made it. What others do there meanwhile works.
func TestDeleteRemovesEmptyFolders(t *testing.T) {
	parent := t.TempDir()
	s, other := open(t, filepath.Join(parent, "root")), open(t, filepath.Join(parent, "root"))
	put(t, s, "a/b/one", "1")
	put(t, s, "a/two", "2")
	for key, want := range map[string][]string{"a/b/one": {"root", "root/.tmp", "root/a", "root/a/two"}} {
		if err := s.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, below(t, parent)); diff != "" {
			t.Errorf("without %s (-want +got)\n%s", key, diff)
		}
	}
	if err := s.Delete(t.Context(), "a/two"); err != nil {
		t.Fatal(err)
	}
	if left := below(t, parent); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	// A store that counts on the folders makes them again.
	put(t, s, "a/b/one", "1")
	put(t, other, "a/b/two", "2")
	for _, store := range []*Store{s, other} {
		for _, key := range []string{"a/b/one", "a/b/two"} {
			if err := store.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			put(t, other, "a/b/three", "3")
			if err := other.Delete(t.Context(), "a/b/three"); err != nil {
				t.Fatal(err)
			}
			put(t, s, "a/b/four", "4")
		}
	}
}

// below lists the files below a folder, by relative path.
func below(t *testing.T, root string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(root, path); rel != "." {
			all = append(all, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
