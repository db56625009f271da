package e2e

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/local"
	"github.com/gbak-s3/gbak-s3/storage/s3"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// place is where an archive is kept, with a way around gbak-s3 to what lies in it.
type place interface {
	address() string // the ARCHIVE argument
	keys(t testing.TB) []string
	read(t testing.TB, key string) []byte
	write(t testing.TB, key string, content []byte)
	remove(t testing.TB, key string)
}

// places are the kinds of stores that archives are tested in.
var places = []struct {
	name string
	make func(testing.TB) place
}{
	{"directory", func(t testing.TB) place { return newDirectory(t) }},
	{"minio", func(t testing.TB) place { return newBucket(t) }},
}

// storeAt opens the store of a place.
func storeAt(t testing.TB, at place) storage.Storage {
	t.Helper()
	if b, ok := at.(bucket); ok {
		return b.store
	}
	store, err := local.Open(at.address())
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// directory is an archive in a folder that does not exist yet.
type directory struct{ root string }

func newDirectory(t testing.TB) directory {
	return directory{filepath.Join(t.TempDir(), "archive")}
}

func (d directory) address() string { return d.root }

func (d directory) keys(t testing.TB) []string {
	t.Helper()
	var keys []string
	err := filepath.WalkDir(d.root, func(path string, e fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // also of a folder that goes while we look
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(d.root, path)
		if hidden := strings.HasPrefix(e.Name(), ".") && rel != "."; hidden {
			// Not an object: the backend's own, see storage/local.
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !e.IsDir() {
			keys = append(keys, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	return keys
}

func (d directory) path(key string) string { return filepath.Join(d.root, filepath.FromSlash(key)) }

func (d directory) read(t testing.TB, key string) []byte {
	t.Helper()
	b, err := os.ReadFile(d.path(key))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// write replaces the object's file, which may be read only.
func (d directory) write(t testing.TB, key string, content []byte) {
	t.Helper()
	if err := os.Remove(d.path(key)); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(d.path(key)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.path(key), content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func (d directory) remove(t testing.TB, key string) {
	t.Helper()
	if err := os.Remove(d.path(key)); err != nil {
		t.Fatal(err)
	}
}

// bucket is an archive under a prefix of a fresh bucket in MinIO.
type bucket struct {
	at    string
	store storage.Storage
}

func newBucket(t testing.TB) bucket {
	t.Helper()
	return inBucket(t, s3test.NewBucket(t))
}

// inBucket is an archive under a prefix of the bucket at an address.
func inBucket(t testing.TB, address string) bucket {
	t.Helper()
	at := strings.Replace(address, "?", "/team/people?", 1)
	opts, err := s3.ParseAddress(at)
	if err != nil {
		t.Fatal(err)
	}
	store, err := s3.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return bucket{at, store}
}

func (b bucket) address() string { return b.at }

func (b bucket) keys(t testing.TB) []string {
	t.Helper()
	var keys []string
	for info, err := range b.store.List(context.Background(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

func (b bucket) read(t testing.TB, key string) []byte {
	t.Helper()
	body, _, err := b.store.Get(context.Background(), key, storage.Range{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = body.Close() }()
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func (b bucket) write(t testing.TB, key string, content []byte) {
	t.Helper()
	if _, err := b.store.Put(context.Background(), key, bytes.NewReader(content), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (b bucket) remove(t testing.TB, key string) {
	t.Helper()
	if err := b.store.Delete(context.Background(), key); err != nil {
		t.Fatal(err)
	}
}

// copyArchive copies every object of an archive to a fresh directory.
func copyArchive(t testing.TB, from place) directory {
	t.Helper()
	to := newDirectory(t)
	for _, key := range from.keys(t) {
		to.write(t, key, from.read(t, key))
	}
	return to
}
