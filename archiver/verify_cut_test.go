package archiver_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// A verification that ends before it has looked whether backups were removed meanwhile does not call
// damage what such a removal explains. What nothing explains it does.
func TestVerifyIsCutShort(t *testing.T) {
	t.Parallel()
	for key, isSure := range map[string]bool{"segments/": false, "RESTORE.md": true} {
		store := storagetest.NewMemory()
		increments(t, store, 2)
		for info, err := range store.List(t.Context(), key, "") {
			if err = errors.Join(err, store.Delete(t.Context(), info.Key)); err != nil {
				t.Fatal(err)
			}
		}
		var isAway atomic.Bool
		away := storagetest.NewFaulty(store, func(op storage.Op, key string, _ int) storagetest.Fault {
			if op == storage.OpList && strings.HasPrefix(key, "segments/") {
				isAway.Store(true) // and from the next request on, nothing answers
				return storagetest.Fault{}
			}
			if isAway.Load() {
				return storagetest.Fault{Err: storage.ErrUnavailable}
			}
			return storagetest.Fault{}
		})
		r, err := archiver.New(away, archiver.Options{StoreTimeout: time.Second}).Verify(t.Context(), archiver.VerifyOptions{})
		if archiver.CodeOf(err) != archiver.CodeStore || !strings.Contains(err.Error(), "found") {
			t.Errorf("%s is gone: the error is %v", key, err)
		}
		if len(r.Findings) > 0 != isSure {
			t.Errorf("%s is gone: found %v", key, r.Findings)
		}
	}
}
