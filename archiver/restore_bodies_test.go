package archiver_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// breaking is a store whose first body of each segment is spoilt.
type breaking struct {
	storage.Storage
	spoil func([]byte) []byte

	mu     sync.Mutex
	broken map[string]bool
}

func (b *breaking) Get(ctx context.Context, key string, r storage.Range) (io.ReadCloser, storage.ObjectInfo, error) {
	body, info, err := b.Storage.Get(ctx, key, r)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil || !segmentKey(key) || b.broken[key] {
		return body, info, err
	}
	b.broken[key] = true
	all, err := io.ReadAll(body)
	return io.NopCloser(bytes.NewReader(b.spoil(all))), info, errors.Join(err, body.Close())
}

// Bodies that break off or arrive wrong once are asked for again.
func TestRestoreRetriesABrokenBody(t *testing.T) {
	inner := storagetest.NewMemory()
	path := copyVector(t, "v0.6.0/live")
	backup(t, inner, path)
	for name, spoil := range map[string]func([]byte) []byte{
		"broken off": func(b []byte) []byte { return b[:len(b)/2] },
		"flipped":    func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
	} {
		store := &breaking{Storage: inner, spoil: spoil, broken: map[string]bool{}}
		if diff := cmp.Diff(wholePart(t, path), restore(t, store, 0)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if len(store.broken) == 0 {
			t.Errorf("%s: nothing was broken", name)
		}
	}
}
