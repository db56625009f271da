package storage_test

import (
	"errors"
	"io/fs"
	"math"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

func TestCheckKey(t *testing.T) {
	for _, key := range []string{
		"a", "7", "a.b-c_d", "RESTORE.md", "20261126T131500.000Z-0a1b2c3d.json", "manifests/0000000042.json", strings.Repeat("e", 255), strings.Repeat("a/", 255) + "bb",
	} {
		if err := storage.CheckKey(key); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
	for _, key := range []string{
		"", "/", "a/", "/a", "a//b", ".", "..", "a/..", ".a", "-a", "_a", "a/-", "é", "a b", "a\n", "a\x00", "a\\b", "a+b",
		strings.Repeat("e", 256), strings.Repeat("a/", 255) + "bbb",
	} {
		if err := storage.CheckKey(key); !errors.Is(err, storage.ErrInvalidKey) {
			t.Errorf("%q: got %v, want %v", key, err, storage.ErrInvalidKey)
		}
	}
}

func TestSentinelsAreThoseOfFS(t *testing.T) {
	notExist := error(&storage.Error{Op: storage.OpGet, Key: "k", Err: storage.ErrNotExist})
	permission := error(&storage.Error{Op: storage.OpGet, Key: "k", Err: storage.ErrPermission})
	for _, c := range []struct {
		err, target error
		want        bool
	}{
		{notExist, storage.ErrNotExist, true},
		{notExist, fs.ErrNotExist, true},
		{notExist, storage.ErrPermission, false},
		{notExist, storage.ErrNoStore, false},
		{permission, storage.ErrPermission, true},
		{permission, fs.ErrPermission, true},
		{permission, fs.ErrNotExist, false},
		{storage.ErrNoStore, storage.ErrNotExist, false},
		{storage.ErrNoStore, fs.ErrNotExist, false},
	} {
		if got := errors.Is(c.err, c.target); got != c.want {
			t.Errorf("%v is %v: got %t", c.err, c.target, got)
		}
	}
	if got, want := notExist.Error(), "get k: object does not exist"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRangeClip(t *testing.T) {
	for _, c := range []struct {
		r              storage.Range
		size           int64
		offset, length int64
		err            error
	}{
		{storage.Range{}, 0, 0, 0, nil},
		{storage.Range{}, 10, 0, 10, nil},
		{storage.Range{Offset: 3}, 10, 3, 7, nil},
		{storage.Range{Offset: 3, Length: 2}, 10, 3, 2, nil},
		{storage.Range{Offset: 3, Length: 8}, 10, 3, 7, nil},
		{storage.Range{Offset: 3, Length: math.MaxInt64}, 10, 3, 7, nil},
		{storage.Range{Offset: 10}, 10, 0, 0, storage.ErrInvalidRange},
		{storage.Range{Length: 1}, 0, 0, 0, storage.ErrInvalidRange},
		{storage.Range{Offset: -1}, 10, 0, 0, storage.ErrInvalidRange},
		{storage.Range{Offset: 1, Length: -1}, 10, 0, 0, storage.ErrInvalidRange},
	} {
		offset, length, err := c.r.Clip(c.size)
		if offset != c.offset || length != c.length || !errors.Is(err, c.err) {
			t.Errorf("%+v clipped to %d: got %d+%d, %v; want %d+%d, %v", c.r, c.size, offset, length, err, c.offset, c.length, c.err)
		}
	}
}

func TestRequestsAreCountedPerContext(t *testing.T) {
	storage.RequestsFrom(t.Context()).Add(storage.OpPut) // nobody counts: no panic
	storage.RequestsFrom(t.Context()).Receive(1)
	if n := storage.RequestsFrom(t.Context()).Received(); n != 0 {
		t.Errorf("nobody has received %d bytes", n)
	}

	var outer, inner storage.Requests
	ctx := storage.CountRequests(t.Context(), &outer)
	for i, op := range []storage.Op{storage.OpPut, storage.OpGet, storage.OpHead, storage.OpList, storage.OpDelete} {
		for range i + 1 {
			storage.RequestsFrom(ctx).Add(op)
		}
	}
	storage.RequestsFrom(storage.CountRequests(ctx, &inner)).Add(storage.OpPut)
	storage.RequestsFrom(ctx).Receive(3)
	storage.RequestsFrom(ctx).Receive(4)
	if outer.Received() != 7 || inner.Received() != 0 {
		t.Errorf("received %d, and %d inside", outer.Received(), inner.Received())
	}

	if got, want := outer.Counts(), (storage.RequestCounts{Put: 1, Get: 2, Head: 3, List: 4, Delete: 5}); got != want || got.Total() != 15 {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := inner.Counts(), (storage.RequestCounts{Put: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// A valid key is a path in every store and on every file system, and does not lead out
// of the archive.
func FuzzCheckKey(f *testing.F) {
	for _, key := range []string{
		"archive.json", "segments/0123/000000-ab.zst", "a/../b", "/a", "a//b", ".a", "a/", "A", "a b", "\xff", strings.Repeat("a", 256),
	} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		err := storage.CheckKey(key)
		if err != nil {
			if !errors.Is(err, storage.ErrInvalidKey) {
				t.Errorf("%q: %v", key, err)
			}
			return
		}
		if path.Clean(key) != key || !filepath.IsLocal(key) || strings.ToValidUTF8(key, "") != key ||
			len(key) > storage.MaxKeyLength || strings.ContainsAny(key, "\\:\x00 ") {
			t.Errorf("%q is a key", key)
		}
		for i := range len(key) {
			if prefix := key[:i]; !driver.IsKeyPrefix(prefix) {
				t.Errorf("%q is the beginning of a key", prefix)
			}
		}
	})
}
