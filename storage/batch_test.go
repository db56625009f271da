package storage_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// A single Delete that the store did not answer is an error of the whole call: others
// would wait as long. One that it refused is about its key.
func TestDeleteEachStops(t *testing.T) {
	keys := make([]string, 200)
	for i := range keys {
		keys[i] = fmt.Sprintf("key-%d", i)
	}
	for _, c := range []struct {
		err   error
		whole bool
	}{
		{storage.ErrUnavailable, true},
		{storage.ErrNoStore, true},
		{storage.ErrSettings, true},
		{storage.ErrForeign, true},
		{storage.ErrPermission, false},
		{errors.New("another"), false},
	} {
		faulty := storagetest.NewFaulty(storagetest.NewMemory(), func(_ storage.Op, key string, _ int) storagetest.Fault {
			if key == keys[3] {
				return storagetest.Fault{Err: c.err}
			}
			return storagetest.Fault{}
		})
		kept, err := storage.DeleteEach(t.Context(), faulty, keys)
		e, ok := errors.AsType[*storage.Error](err)
		switch calls := len(faulty.Calls()); {
		case c.whole && (!ok || !errors.Is(e, c.err) || kept != nil):
			t.Errorf("%v: kept %v, %v, after %d calls", c.err, kept, err, calls)
		case !c.whole && (err != nil || len(kept) != 1 || !errors.Is(kept[keys[3]], c.err) || calls != len(keys)):
			t.Errorf("%v: kept %v, %v, after %d calls", c.err, kept, err, calls)
		}
	}
}

// A ctx that ends on the way ends the call.
func TestDeleteEachIsCancelled(t *testing.T) {
	cause := errors.New("the cause")
	ctx, cancel := context.WithCancelCause(t.Context())
	faulty := storagetest.NewFaulty(storagetest.NewMemory(), func(storage.Op, string, int) storagetest.Fault {
		cancel(cause)
		return storagetest.Fault{Hang: true}
	})
	kept, err := storage.DeleteEach(ctx, faulty, []string{"a", "b"})
	if _, ok := errors.AsType[*storage.Error](err); !ok || !errors.Is(err, cause) || kept != nil {
		t.Errorf("kept %v, %v", kept, err)
	}
}
