package storage_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gbak-s3/gbak-s3/storage"
)

func TestCheckKey(t *testing.T) {
	for _, key := range []string{
		"a", "7", "a.b-c_d", "manifests/0000000042.json", strings.Repeat("e", 255), strings.Repeat("a/", 255) + "bb",
	} {
		if err := storage.CheckKey(key); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
	for _, key := range []string{
		"", "/", "a/", "/a", "a//b", ".", "..", "a/..", ".a", "-a", "_a", "a/-", "A", "é", "a b", "a\n", "a\x00", "a\\b", "a+b",
		strings.Repeat("e", 256), strings.Repeat("a/", 255) + "bbb",
	} {
		if err := storage.CheckKey(key); !errors.Is(err, storage.ErrInvalidKey) {
			t.Errorf("%q: got %v, want %v", key, err, storage.ErrInvalidKey)
		}
	}
}

func TestIsKeyPrefix(t *testing.T) {
	for prefix, want := range map[string]bool{
		"": true, "a": true, "a/": true, "a/b": true, "a-": true, "manifests/00": true,
		"/": false, "a//": false, ".": false, "a/.": false, "-": false, "A": false, "a/../": false,
	} {
		if got := storage.IsKeyPrefix(prefix); got != want {
			t.Errorf("%q: got %t", prefix, got)
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

func TestRangeWithin(t *testing.T) {
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
		offset, length, err := c.r.Within(c.size)
		if offset != c.offset || length != c.length || !errors.Is(err, c.err) {
			t.Errorf("%+v within %d: got %d+%d, %v; want %d+%d, %v", c.r, c.size, offset, length, err, c.offset, c.length, c.err)
		}
	}
}

func TestBodyEndsWhereItShould(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		source io.Reader
		want   string
		err    error
	}{
		"exact":         {strings.NewReader("12345"), "12345", nil},
		"a byte a time": {iotest.OneByteReader(strings.NewReader("12345")), "12345", nil},
		"data with EOF": {iotest.DataErrReader(strings.NewReader("12345")), "12345", nil},
		"longer":        {strings.NewReader("1234567"), "12345", nil},
		"shorter":       {strings.NewReader("123"), "123", io.ErrUnexpectedEOF},
		"nothing":       {strings.NewReader(""), "", io.ErrUnexpectedEOF},
		"broken":        {io.MultiReader(strings.NewReader("123"), iotest.ErrReader(broken)), "123", broken},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := io.ReadAll(storage.Body(t.Context(), "key", io.NopCloser(c.source), 5))
			if string(got) != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, c.want, c.err)
			}
			var e *storage.Error
			if err != nil && !errors.As(err, &e) {
				t.Errorf("got a %T, want a *storage.Error", err)
			}
		})
	}
}

func TestBodyEndsWithItsContext(t *testing.T) {
	cause := errors.New("cause")
	ctx, cancel := context.WithCancelCause(t.Context())
	body := storage.Body(ctx, "key", io.NopCloser(strings.NewReader("12345")), 5)
	if _, err := io.ReadFull(body, make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	cancel(cause)
	if n, err := body.Read(make([]byte, 2)); n != 0 || !errors.Is(err, cause) {
		t.Errorf("got %d bytes, %v; want %v", n, err, cause)
	}
}

func TestRequestsAreCountedPerContext(t *testing.T) {
	storage.CountRequest(t.Context(), storage.OpPut) // nobody counts: no panic

	var outer, inner storage.Requests
	ctx := storage.CountRequests(t.Context(), &outer)
	for i, op := range []storage.Op{storage.OpPut, storage.OpGet, storage.OpHead, storage.OpList, storage.OpDelete} {
		for range i + 1 {
			storage.CountRequest(ctx, op)
		}
	}
	storage.CountRequest(storage.CountRequests(ctx, &inner), storage.OpPut)

	if got, want := outer.Counts(), (storage.RequestCounts{Put: 1, Get: 2, Head: 3, List: 4, Delete: 5}); got != want || got.Total() != 15 {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := inner.Counts(), (storage.RequestCounts{Put: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// What is a key is a path of a store and of every file system, and nothing that
// leads out of the archive.
func FuzzCheckKey(f *testing.F) {
	for _, key := range []string{"archive.json", "segments/0123/000000-ab.zst", "a/../b", "/a", "a//b", ".a", "a/", "A", "a b", "\xff", strings.Repeat("a", 256)} {
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
		if path.Clean(key) != key || !filepath.IsLocal(key) || strings.ToLower(key) != key || len(key) > storage.MaxKeyLength || strings.ContainsAny(key, "\\:\x00 ") {
			t.Errorf("%q is a key", key)
		}
		for i := range len(key) {
			if prefix := key[:i]; !storage.IsKeyPrefix(prefix) {
				t.Errorf("%q is the beginning of a key", prefix)
			}
		}
	})
}
