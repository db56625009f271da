package objects

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func storeOf(s storage.Storage) *Store {
	return &Store{Storage: s, Patience: time.Second, Log: slog.New(slog.DiscardHandler)}
}

// stored is a store with one object.
func stored(t *testing.T, key, content string) *storagetest.Memory {
	t.Helper()
	m := storagetest.NewMemory()
	if _, err := m.Put(t.Context(), key, strings.NewReader(content), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	return m
}

// failing lets the first n calls of one operation meet a fault.
func failing(next storage.Storage, op storage.Op, n int, fault storagetest.Fault) *storagetest.Faulty {
	calls := 0
	return storagetest.NewFaulty(next, func(o storage.Op, _ string, _ int) storagetest.Fault {
		if o != op {
			return storagetest.Fault{}
		}
		if calls++; calls > n {
			return storagetest.Fault{}
		}
		return fault
	})
}

// count returns how many calls of an operation a log has.
func count(calls []storagetest.Call, op storage.Op) (n int) {
	for _, c := range calls {
		if c.Op == op {
			n++
		}
	}
	return n
}

func sumOf(content string) manifest.Digest { return manifest.Sum([]byte(content)) }
