package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
)

var commonCases = []conformanceCase{
	{"KeysOfAllKinds", keysOfAllKinds},
	{"InvalidKeysAreRefused", invalidKeysAreRefused},
	{"FoldersAreNotObjects", foldersAreNotObjects},
	{"MethodsMayBeCalledConcurrently", methodsMayBeCalledConcurrently},
	{"ErrorsNameOpAndKey", errorsNameOpAndKey},
	{"EachAttemptIsCounted", eachAttemptIsCounted},
}

func keysOfAllKinds(t *testing.T, s storage.Storage) {
	for _, key := range []string{
		"a", "0", "RESTORE.md", "a.b", "a-b_c.d", "x/y/z", "manifests/0000000042.json", "trailing-",
		"dots..and--more", strings.Repeat("n", 255), strings.Repeat("deep/", 20) + "end",
		strings.Repeat("0123456789abcdef/", 30) + "ab", // 512 bytes
	} {
		if err := storage.CheckKey(key); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		put(t, s, key, []byte(key))
		wantObject(t, s, key, []byte(key))
	}
}

func invalidKeysAreRefused(t *testing.T, s storage.Storage) {
	var requests storage.Requests
	ctx := storage.CountRequests(t.Context(), &requests)
	for _, key := range []string{
		"", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "a/./b", ".tmp/a", "a/.b", "-a", "_a",
		"ä", "a b", "a\\b", "a\x00", "a:b", "a%2fb",
		strings.Repeat("n", 256), strings.Repeat("0123456789abcdef/", 30) + "abc",
	} {
		_, err := s.Put(ctx, key, bytes.NewReader(nil), storage.PutOptions{})
		wantError(t, err, storage.ErrInvalidKey, storage.OpPut, key)
		_, _, err = s.Get(ctx, key, storage.Range{})
		wantError(t, err, storage.ErrInvalidKey, storage.OpGet, key)
		_, err = s.Head(ctx, key)
		wantError(t, err, storage.ErrInvalidKey, storage.OpHead, key)
		wantError(t, s.Delete(ctx, key), storage.ErrInvalidKey, storage.OpDelete, key)
	}
	if n := requests.Counts().Total(); n != 0 {
		t.Errorf("%d requests were made for invalid keys", n)
	}
	if got := keys(t, s, "", ""); len(got) > 0 {
		t.Errorf("refused puts stored %q", got)
	}
}

// A prefix of a key is no object, and an object has no children.
func foldersAreNotObjects(t *testing.T, s storage.Storage) {
	putKeys(t, s, "folder/object")
	wantMissing(t, s, "folder")
	wantMissing(t, s, "folder/object/child")
	if err := s.Delete(t.Context(), "folder"); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "folder/object/child"); err != nil {
		t.Fatal(err)
	}
	wantObject(t, s, "folder/object", []byte("folder/object"))
	if err := s.Delete(t.Context(), "folder/object"); err != nil {
		t.Fatal(err)
	}
	if got := keys(t, s, "", ""); len(got) > 0 {
		t.Errorf("after the last object was deleted, List yields %q", got)
	}
}

func methodsMayBeCalledConcurrently(t *testing.T, s storage.Storage) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for worker := range 8 {
		wg.Go(func() {
			own := fmt.Sprintf("w%d/own", worker)
			for round := range 5 {
				data := fmt.Appendf(nil, "%d %d", worker, round)
				for _, key := range []string{own, "shared"} {
					if _, err := s.Put(t.Context(), key, bytes.NewReader(data), storage.PutOptions{}); err != nil {
						t.Error(err)
					}
				}
				if got, _, err := read(t.Context(), s, own, storage.Range{}); err != nil || !bytes.Equal(got, data) {
					t.Errorf("got %q, %v, want %q", got, err, data)
				}
				if _, err := s.Head(t.Context(), own); err != nil {
					t.Error(err)
				}
				for _, err := range s.List(t.Context(), "", "") {
					if err != nil {
						t.Error(err)
					}
				}
				if err := s.Delete(t.Context(), own); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func errorsNameOpAndKey(t *testing.T, s storage.Storage) {
	_, _, err := s.Get(t.Context(), "some/key", storage.Range{})
	wantError(t, err, fs.ErrNotExist, storage.OpGet, "some/key")
	_, err = s.Head(t.Context(), "some/key")
	wantError(t, err, fs.ErrNotExist, storage.OpHead, "some/key")
	putKeys(t, s, "some/key")
	wantError(t, create(t, s, "some/key", nil), storage.ErrPreconditionFailed, storage.OpPut, "some/key")
	_, _, err = s.Get(t.Context(), "some/key", storage.Range{Offset: 100})
	wantError(t, err, storage.ErrInvalidRange, storage.OpGet, "some/key")
}

func eachAttemptIsCounted(t *testing.T, s storage.Storage) {
	putKeys(t, s, "uncounted")
	var requests storage.Requests
	ctx := storage.CountRequests(t.Context(), &requests)
	_, err := s.Put(ctx, "a", strings.NewReader("a"), storage.PutOptions{})
	for range 2 {
		_, _, getErr := read(ctx, s, "a", storage.Range{})
		err = errors.Join(err, getErr)
	}
	for range 3 {
		_, headErr := s.Head(ctx, "a")
		err = errors.Join(err, headErr)
	}
	for range 4 {
		for _, listErr := range s.List(ctx, "", "") {
			err = errors.Join(err, listErr)
		}
	}
	for range 5 {
		err = errors.Join(err, s.Delete(ctx, "a"))
	}
	if err != nil {
		t.Fatal(err)
	}
	want := storage.RequestCounts{Put: 1, Get: 2, Head: 3, List: 4, Delete: 5}
	if got := requests.Counts(); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

var cancelCases = []conformanceCase{
	{"Put", cancelledPut(storage.PutOptions{})},
	{"PutIfAbsent", cancelledPut(storage.PutOptions{IfAbsent: true})},
	{"Get", cancelledGet},
	{"GetEndsItsReader", cancelledReader},
	{"Head", cancelledHead},
	{"List", cancelledList},
	{"ListWhileIterating", cancelledIteration},
	{"Delete", cancelledDelete},
}

var errCause = errors.New("the cause of the cancellation")

// cancelled returns a ctx that has ended because of errCause. The test fails in the end
// if a request was made with it.
func cancelled(t *testing.T) context.Context {
	var requests storage.Requests
	t.Cleanup(func() {
		if n := requests.Counts().Total(); n != 0 {
			t.Errorf("%d requests were made with a cancelled ctx", n)
		}
	})
	ctx, cancel := context.WithCancelCause(storage.CountRequests(t.Context(), &requests))
	cancel(errCause)
	return ctx
}

func cancelledPut(opts storage.PutOptions) func(t *testing.T, s storage.Storage) {
	return func(t *testing.T, s storage.Storage) {
		_, err := s.Put(cancelled(t), "key", strings.NewReader("data"), opts)
		wantError(t, err, errCause, storage.OpPut, "key")
		wantMissing(t, s, "key")
	}
}

func cancelledGet(t *testing.T, s storage.Storage) {
	putKeys(t, s, "key")
	_, _, err := s.Get(cancelled(t), "key", storage.Range{})
	wantError(t, err, errCause, storage.OpGet, "key")
}

func cancelledReader(t *testing.T, s storage.Storage) {
	putKeys(t, s, "key")
	ctx, cancel := context.WithCancelCause(t.Context())
	body, _, err := s.Get(ctx, "key", storage.Range{})
	if err != nil {
		t.Fatal(err)
	}
	cancel(errCause)
	if n, err := body.Read(make([]byte, 10)); n != 0 || !errors.Is(err, errCause) {
		t.Errorf("read %d bytes, %v, want %v", n, err, errCause)
	}
	if err := body.Close(); err != nil {
		t.Error(err)
	}
}

func cancelledHead(t *testing.T, s storage.Storage) {
	putKeys(t, s, "key")
	_, err := s.Head(cancelled(t), "key")
	wantError(t, err, errCause, storage.OpHead, "key")
}

func cancelledList(t *testing.T, s storage.Storage) {
	putKeys(t, s, "key")
	pairs := 0
	for _, err := range s.List(cancelled(t), "k", "") {
		pairs++
		wantError(t, err, errCause, storage.OpList, "k")
	}
	if pairs != 1 {
		t.Errorf("got %d pairs, want the error alone", pairs)
	}
}

func cancelledIteration(t *testing.T, s storage.Storage) {
	putKeys(t, s, "a", "b", "c")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var last error
	for _, err := range s.List(ctx, "", "") {
		if last != nil {
			t.Fatal("the sequence continues after its first error")
		}
		if last = err; err != nil {
			wantError(t, err, errCause, storage.OpList, "")
		}
		cancel(errCause)
	}
}

func cancelledDelete(t *testing.T, s storage.Storage) {
	putKeys(t, s, "key")
	wantError(t, s.Delete(cancelled(t), "key"), errCause, storage.OpDelete, "key")
	wantObject(t, s, "key", []byte("key"))
}
