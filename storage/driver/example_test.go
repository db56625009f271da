package driver_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

// mapStore is a backend of one's own: it keeps objects in memory.
type mapStore struct {
	mu      sync.Mutex
	objects map[string]mapObject
}

type mapObject struct {
	data    []byte // never modified
	modTime time.Time
}

func newMapStore() *mapStore { return &mapStore{objects: map[string]mapObject{}} }

func (s *mapStore) Put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.PutResult, error) {
	if err := begin(ctx, storage.OpPut, key); err != nil {
		return storage.PutResult{}, err
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return storage.PutResult{}, fail(storage.OpPut, key, err)
	}
	if opts.SHA256 != nil && sha256.Sum256(data) != *opts.SHA256 {
		return storage.PutResult{}, fail(storage.OpPut, key, errors.New("the body has another SHA-256"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, exists := s.objects[key]; exists && opts.IfAbsent {
		return storage.PutResult{}, fail(storage.OpPut, key, storage.ErrPreconditionFailed)
	}
	s.objects[key] = mapObject{data, time.Now()}
	return storage.PutResult{Size: int64(len(data)), Proved: opts.SHA256 != nil}, nil
}

func (s *mapStore) Get(ctx context.Context, key string, r storage.Range) (io.ReadCloser, storage.ObjectInfo, error) {
	if err := begin(ctx, storage.OpGet, key); err != nil {
		return nil, storage.ObjectInfo{}, err
	}
	object, err := s.object(key)
	if err != nil {
		return nil, storage.ObjectInfo{}, fail(storage.OpGet, key, err)
	}
	info := object.info(key)
	offset, length, err := r.Clip(info.Size)
	if err != nil {
		return nil, storage.ObjectInfo{}, fail(storage.OpGet, key, err)
	}
	source := io.NopCloser(bytes.NewReader(object.data[offset:]))
	return driver.NewBody(ctx, key, source, length), info, nil
}

func (s *mapStore) Head(ctx context.Context, key string) (storage.ObjectInfo, error) {
	if err := begin(ctx, storage.OpHead, key); err != nil {
		return storage.ObjectInfo{}, err
	}
	object, err := s.object(key)
	if err != nil {
		return storage.ObjectInfo{}, fail(storage.OpHead, key, err)
	}
	return object.info(key), nil
}

func (s *mapStore) List(ctx context.Context, prefix, after string) iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		if err := begin(ctx, storage.OpList, prefix); err != nil {
			yield(storage.ObjectInfo{}, err)
			return
		}
		s.mu.Lock()
		objects := maps.Clone(s.objects)
		s.mu.Unlock()
		for _, key := range slices.Sorted(maps.Keys(objects)) {
			if !strings.HasPrefix(key, prefix) || key <= after {
				continue
			}
			if ctx.Err() != nil {
				yield(storage.ObjectInfo{}, fail(storage.OpList, prefix, context.Cause(ctx)))
				return
			}
			if !yield(objects[key].info(key), nil) {
				return
			}
		}
	}
}

func (s *mapStore) Delete(ctx context.Context, key string) error {
	if err := begin(ctx, storage.OpDelete, key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, key)
	return nil
}

// DeleteAll makes the store a storage.BatchDeleter, which it need not be.
func (s *mapStore) DeleteAll(ctx context.Context, keys []string) (map[string]error, error) {
	if err := storage.CheckDeleteAll(ctx, keys); err != nil || len(keys) == 0 {
		return nil, err
	}
	driver.CountRequest(ctx, storage.OpDelete)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		delete(s.objects, key)
	}
	return nil, nil
}

func (s *mapStore) object(key string) (mapObject, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	object, ok := s.objects[key]
	if !ok {
		return mapObject{}, storage.ErrNotExist
	}
	return object, nil
}

func (o mapObject) info(key string) storage.ObjectInfo {
	return storage.ObjectInfo{Key: key, Size: int64(len(o.data)), ModTime: o.modTime}
}

// begin checks a call and counts the one request that it makes.
func begin(ctx context.Context, op storage.Op, key string) error {
	if err := driver.CheckCall(ctx, op, key); err != nil {
		return err
	}
	driver.CountRequest(ctx, op)
	return nil
}

func fail(op storage.Op, key string, err error) error {
	return &storage.Error{Op: op, Key: key, Err: err}
}

// A backend of one's own that keeps objects in memory.
func Example() {
	var store storage.Storage = newMapStore()
	ctx := context.Background()
	for range 2 {
		result, err := store.Put(ctx, "greetings/hello", strings.NewReader("Hello!"), storage.PutOptions{IfAbsent: true})
		fmt.Println(result.Size, err)
	}
	// Output:
	// 6 <nil>
	// 0 put greetings/hello: object exists already
}
