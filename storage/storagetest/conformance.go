package storagetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
)

// Run is the conformance suite: it has a named subtest for every sentence of the
// contract of [storage.Storage], [storage.BatchDeleter] and [storage.Clock] that can be
// observed from outside. A store need not be the last two. open must return an
// empty store each time, and clean up when t ends.
func Run(t *testing.T, open func(t *testing.T) storage.Storage) {
	groups := []struct {
		name  string
		cases []conformanceCase
	}{
		{"Storage", commonCases},
		{"Cancelled", cancelCases},
		{"Put", putCases},
		{"IfAbsent", ifAbsentCases},
		{"Get", getCases},
		{"Head", headCases},
		{"List", listCases},
		{"Delete", deleteCases},
		{"DeleteAll", deleteAllCases},
		{"Clock", clockCases},
	}
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.cases {
				t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
			}
		})
	}
}

type conformanceCase struct {
	name string
	run  func(t *testing.T, s storage.Storage)
}

// put stores data under key, which must succeed.
func put(t *testing.T, s storage.Storage, key string, data []byte) {
	t.Helper()
	if _, err := s.Put(t.Context(), key, bytes.NewReader(data), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

// create stores data under key if the key does not exist.
func create(t *testing.T, s storage.Storage, key string, data []byte) error {
	t.Helper()
	_, err := s.Put(t.Context(), key, bytes.NewReader(data), storage.PutOptions{IfAbsent: true})
	return err
}

// read reads a part of the object under key.
func read(ctx context.Context, s storage.Storage, key string, r storage.Range) ([]byte, storage.ObjectInfo, error) {
	body, info, err := s.Get(ctx, key, r)
	if err != nil {
		return nil, info, err
	}
	data, err := io.ReadAll(body)
	return data, info, errors.Join(err, body.Close())
}

// wantObject requires that Get, Head and List all see data under key.
func wantObject(t *testing.T, s storage.Storage, key string, data []byte) {
	t.Helper()
	got, info, err := read(t.Context(), s, key, storage.Range{})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, data) {
		t.Fatalf("get %s: got %d bytes %.60q, want %d bytes %.60q", key, len(got), got, len(data), data)
	}
	wantInfo(t, info, key, len(data))
	info, err = s.Head(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	wantInfo(t, info, key, len(data))
	for info, err := range s.List(t.Context(), key, "") {
		if err != nil {
			t.Fatal(err)
		}
		if info.Key == key {
			wantInfo(t, info, key, len(data))
			return
		}
	}
	t.Fatalf("list: %s is missing", key)
}

// wantMissing requires that neither Get nor Head nor List sees the key.
func wantMissing(t *testing.T, s storage.Storage, key string) {
	t.Helper()
	_, _, err := s.Get(t.Context(), key, storage.Range{})
	wantError(t, err, storage.ErrNotExist, storage.OpGet, key)
	_, err = s.Head(t.Context(), key)
	wantError(t, err, storage.ErrNotExist, storage.OpHead, key)
	for info, err := range s.List(t.Context(), key, "") {
		if err != nil {
			t.Fatal(err)
		}
		if info.Key == key {
			t.Fatalf("list: %s exists", key)
		}
	}
}

func wantInfo(t *testing.T, info storage.ObjectInfo, key string, size int) {
	t.Helper()
	if info.Key != key || info.Size != int64(size) {
		t.Fatalf("info of %s: got key %q with size %d, want size %d", key, info.Key, info.Size, size)
	}
}

// wantError requires a *storage.Error that names op and key and wraps target.
func wantError(t *testing.T, err, target error, op storage.Op, key string) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("%s %.60s: got error %v, want %v", op, key, err, target)
	}
	wantNamed(t, err, op, key)
}

// wantNamed requires a *storage.Error that names op and key.
func wantNamed(t *testing.T, err error, op storage.Op, key string) {
	t.Helper()
	e, ok := errors.AsType[*storage.Error](err)
	if !ok {
		t.Fatalf("got a %T, want a *storage.Error: %v", err, err)
	}
	if e.Op != op || e.Key != key {
		t.Fatalf("got the error of %s %.60q, want %s %.60q: %v", e.Op, e.Key, op, key, err)
	}
}

// keys returns the keys that List yields, and requires that the size of each object is
// the length of its key: see putKeys.
func keys(t *testing.T, s storage.Storage, prefix, after string) []string {
	t.Helper()
	var all []string
	for info, err := range s.List(t.Context(), prefix, after) {
		if err != nil {
			t.Fatal(err)
		}
		wantInfo(t, info, info.Key, len(info.Key))
		all = append(all, info.Key)
	}
	return all
}

// putKeys stores each key as an object under itself.
func putKeys(t *testing.T, s storage.Storage, keys ...string) {
	t.Helper()
	for _, key := range keys {
		put(t, s, key, []byte(key))
	}
}
