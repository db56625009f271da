// Package storagetest is for tests of backends and of their users.
//
// For backends: [Run] is the conformance suite that each must pass, and [RunModel]
// compares a backend with a model, [Memory], in random sequences of calls.
//
// For users: Memory is also a store whose calls can be read from its [Log]. [Faulty]
// fails where a test wants it to, [NewCareless] breaks the promise of conditional puts,
// and [Silent] proves no Put. A call, as in [Call], is one call of a method; the store
// below is the one that another store stands in front of.
package storagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
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

// Memory is a Storage in memory: the model that backends are compared with. Its Log has
// every call.
type Memory struct {
	Log

	mu      sync.Mutex
	objects map[string]object
	clock   func() time.Time
}

type object struct {
	data    []byte // never modified: readers hold it
	sum     [32]byte
	modTime time.Time
}

func (o object) info(key string) storage.ObjectInfo {
	return storage.ObjectInfo{Key: key, Size: int64(len(o.data)), ModTime: o.modTime, SHA256: &o.sum}
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{objects: map[string]object{}, clock: time.Now} }

// SetClock makes clock the store's clock, instead of that of this host. It may be called
// concurrently.
func (m *Memory) SetClock(clock func() time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clock = clock
}

func (m *Memory) now() time.Time {
	m.mu.Lock()
	clock := m.clock
	m.mu.Unlock()
	return clock()
}

// Objects returns a copy of all objects, by key.
func (m *Memory) Objects() map[string][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make(map[string][]byte, len(m.objects))
	for key, o := range m.objects {
		all[key] = bytes.Clone(o.data)
	}
	return all
}

var errMismatch = errors.New("body does not match its SHA-256")

// Put implements [storage.Storage].
func (m *Memory) Put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.PutResult, error) {
	var result storage.PutResult
	err := m.call(ctx, Call{Op: storage.OpPut, Key: key, IfAbsent: opts.IfAbsent}, func(c *Call) error {
		data, err := io.ReadAll(body)
		c.Bytes = int64(len(data))
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		o := object{data: data, sum: sha256.Sum256(data), modTime: m.now()}
		if opts.SHA256 != nil && *opts.SHA256 != o.sum {
			return errMismatch
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if _, exists := m.objects[key]; exists && opts.IfAbsent {
			return storage.ErrPreconditionFailed
		}
		m.objects[key] = o
		result = storage.PutResult{Size: c.Bytes, Proved: opts.SHA256 != nil, PutAt: o.modTime}
		return nil
	})
	return result, err
}

// Get implements [storage.Storage].
func (m *Memory) Get(ctx context.Context, key string, r storage.Range) (io.ReadCloser, storage.ObjectInfo, error) {
	var body io.ReadCloser
	var info storage.ObjectInfo
	err := m.call(ctx, Call{Op: storage.OpGet, Key: key, Range: r}, func(c *Call) error {
		o, err := m.object(key)
		if err != nil {
			return err
		}
		offset, length, err := r.Clip(int64(len(o.data)))
		if err != nil {
			return err
		}
		part := io.NopCloser(bytes.NewReader(o.data[offset : offset+length]))
		c.Bytes = length
		body, info = driver.NewBody(ctx, key, part, length), o.info(key)
		return nil
	})
	return body, info, err
}

// Head implements [storage.Storage].
func (m *Memory) Head(ctx context.Context, key string) (storage.ObjectInfo, error) {
	var info storage.ObjectInfo
	err := m.call(ctx, Call{Op: storage.OpHead, Key: key}, func(*Call) error {
		o, err := m.object(key)
		if err != nil {
			return err
		}
		info = o.info(key)
		return nil
	})
	return info, err
}

// List implements [storage.Storage].
func (m *Memory) List(ctx context.Context, prefix, after string) iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		var found []storage.ObjectInfo
		err := m.call(ctx, Call{Op: storage.OpList, Key: prefix, After: after}, func(c *Call) error {
			m.mu.Lock()
			defer m.mu.Unlock()
			for _, key := range slices.Sorted(maps.Keys(m.objects)) {
				if strings.HasPrefix(key, prefix) && key > after {
					found = append(found, m.objects[key].info(key))
				}
			}
			c.Objects = len(found)
			return nil
		})
		if err != nil {
			yield(storage.ObjectInfo{}, err)
			return
		}
		for _, info := range found {
			if ctx.Err() != nil {
				yield(storage.ObjectInfo{}, &storage.Error{Op: storage.OpList, Key: prefix, Err: context.Cause(ctx)})
				return
			}
			if !yield(info, nil) {
				return
			}
		}
	}
}

// Delete implements [storage.Storage].
func (m *Memory) Delete(ctx context.Context, key string) error {
	return m.call(ctx, Call{Op: storage.OpDelete, Key: key}, func(*Call) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.objects, key)
		return nil
	})
}

// DeleteAll implements [storage.BatchDeleter].
func (m *Memory) DeleteAll(ctx context.Context, keys []string) (map[string]error, error) {
	if err := storage.CheckDeleteAll(ctx, keys); err != nil || len(keys) == 0 {
		return nil, err
	}
	c := Call{Op: storage.OpDelete, Key: keys[0], Keys: slices.Clone(keys)}
	return nil, m.call(ctx, c, func(*Call) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, key := range keys {
			delete(m.objects, key)
		}
		return nil
	})
}

// Now implements [storage.Clock]: see [Memory.SetClock].
func (m *Memory) Now(ctx context.Context) (now time.Time, err error) {
	err = m.call(ctx, Call{Op: storage.OpList, Now: true}, func(*Call) error {
		now = m.now()
		return nil
	})
	return now, err
}

// call runs f as one operation: it checks, counts and logs it, and wraps its error.
func (m *Memory) call(ctx context.Context, c Call, f func(*Call) error) error {
	c.Err = driver.CheckCall(ctx, c.Op, c.Key)
	if c.Err == nil {
		driver.CountRequest(ctx, c.Op)
		if cause := f(&c); cause != nil {
			c.Err = &storage.Error{Op: c.Op, Key: c.Key, Err: cause}
		}
	}
	m.add(c)
	return c.Err
}

func (m *Memory) object(key string) (object, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[key]
	if !ok {
		return object{}, storage.ErrNotExist
	}
	return o, nil
}
