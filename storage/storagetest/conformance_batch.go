package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
)

// A store that is no BatchDeleter passes these by deleting one by one.
var deleteAllCases = []conformanceCase{
	{"Removes", deleteAllRemoves},
	{"MissingKeysAreDeleted", deleteAllMissing},
	{"KeysMayBeRepeated", deleteAllRepeated},
	{"IsOneRequest", deleteAllIsOneRequest},
	{"WithoutKeysDoesNothing", deleteAllNothing},
	{"TakesAThousandKeys", deleteAllThousand},
	{"RefusesMore", deleteAllTooMany},
	{"InvalidKeyStopsAll", deleteAllInvalid},
	{"FoldersAreNotObjects", deleteAllFolders},
	{"Cancelled", deleteAllCancelled},
	{"Concurrently", deleteAllConcurrently},
}

// deleteAll requires that all keys are deleted.
func deleteAll(t *testing.T, s storage.Storage, keys ...string) {
	t.Helper()
	kept, err := storage.DeleteAll(t.Context(), s, keys)
	if err != nil || len(kept) > 0 {
		t.Fatalf("kept %v, %v", kept, err)
	}
}

func deleteAllRemoves(t *testing.T, s storage.Storage) {
	putKeys(t, s, "a/b", "a/bc", "a/c", "d", "e/f/g", "e/h")
	deleteAll(t, s, "e/f/g", "a/b", "d", "a/c")
	wantMissing(t, s, "a/b")
	wantKeys(t, s, "", "", "a/bc", "e/h")
	deleteAll(t, s, "a/bc", "e/h")
	wantKeys(t, s, "", "")
}

func deleteAllMissing(t *testing.T, s storage.Storage) {
	putKeys(t, s, "a/b", "a/c")
	for range 2 {
		deleteAll(t, s, "a/b", "a/never", "never/never", "never")
	}
	wantKeys(t, s, "", "", "a/c")
}

func deleteAllRepeated(t *testing.T, s storage.Storage) {
	putKeys(t, s, "a/b", "a/c")
	deleteAll(t, s, "a/b", "a/b", "never", "a/b", "never")
	wantKeys(t, s, "", "", "a/c")
}

func deleteAllIsOneRequest(t *testing.T, s storage.Storage) {
	putKeys(t, s, "a/b", "a/c", "d")
	var requests storage.Requests
	kept, err := storage.DeleteAll(storage.CountRequests(t.Context(), &requests), s, []string{"a/b", "a/c", "d"})
	if err != nil || len(kept) > 0 {
		t.Fatalf("kept %v, %v", kept, err)
	}
	want := storage.RequestCounts{Delete: 3}
	if _, ok := s.(storage.BatchDeleter); ok {
		want.Delete = 1
	}
	if got := requests.Counts(); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func deleteAllNothing(t *testing.T, s storage.Storage) {
	putKeys(t, s, "key")
	var requests storage.Requests
	kept, err := storage.DeleteAll(storage.CountRequests(t.Context(), &requests), s, nil)
	if err != nil || len(kept) > 0 || requests.Counts().Total() > 0 {
		t.Errorf("kept %v, %v, with %d requests", kept, err, requests.Counts().Total())
	}
	wantKeys(t, s, "", "", "key")
}

// manyKeys returns n keys, most of which no store has.
func manyKeys(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("segments/%02d/%04d", i%7, i)
	}
	return keys
}

func deleteAllThousand(t *testing.T, s storage.Storage) {
	keys := manyKeys(storage.MaxDelete)
	putKeys(t, s, keys[0], keys[1], keys[500], keys[storage.MaxDelete-1], "segments/00/other")
	deleteAll(t, s, keys...)
	wantKeys(t, s, "", "", "segments/00/other")
}

func deleteAllTooMany(t *testing.T, s storage.Storage) {
	keys := manyKeys(storage.MaxDelete + 1)
	putKeys(t, s, keys[0])
	var requests storage.Requests
	kept, err := storage.DeleteAll(storage.CountRequests(t.Context(), &requests), s, keys)
	wantError(t, err, storage.ErrTooManyKeys, storage.OpDelete, keys[0])
	if kept != nil || requests.Counts().Total() > 0 {
		t.Errorf("kept %v, with %d requests", kept, requests.Counts().Total())
	}
	wantObject(t, s, keys[0], []byte(keys[0]))
}

func deleteAllInvalid(t *testing.T, s storage.Storage) {
	putKeys(t, s, "a", "b")
	var requests storage.Requests
	for _, key := range []string{"", "a/", "../b", "A b", ".tmp/a"} {
		_, err := storage.DeleteAll(storage.CountRequests(t.Context(), &requests), s, []string{"a", key, "b"})
		wantError(t, err, storage.ErrInvalidKey, storage.OpDelete, key)
	}
	if n := requests.Counts().Total(); n > 0 {
		t.Errorf("%d requests were made for invalid keys", n)
	}
	wantKeys(t, s, "", "", "a", "b")
}

func deleteAllFolders(t *testing.T, s storage.Storage) {
	putKeys(t, s, "folder/object", "folder/other")
	deleteAll(t, s, "folder", "folder/object/child", "folder/other", "folder/other/child")
	wantKeys(t, s, "", "", "folder/object")
}

func deleteAllCancelled(t *testing.T, s storage.Storage) {
	putKeys(t, s, "a", "b")
	kept, err := storage.DeleteAll(cancelled(t), s, []string{"a", "b"})
	wantError(t, err, errCause, storage.OpDelete, "a")
	if kept != nil {
		t.Errorf("kept %v", kept)
	}
	wantKeys(t, s, "", "", "a", "b")
}

// Calls that meet on the same keys all succeed, and others are not concerned.
func deleteAllConcurrently(t *testing.T, s storage.Storage) {
	var shared, stay []string
	for i := range 20 {
		shared = append(shared, fmt.Sprintf("shared/%d/key", i%4), fmt.Sprintf("shared/%d/key-%d", i%4, i))
	}
	var wg sync.WaitGroup
	for worker := range 6 {
		own, other := fmt.Sprintf("w%d/own", worker), fmt.Sprintf("shared/stays-%d", worker)
		stay = append(stay, other)
		wg.Go(func() {
			for range 3 {
				for _, key := range []string{own, shared[worker], other} {
					if _, err := s.Put(t.Context(), key, strings.NewReader(key), storage.PutOptions{}); err != nil {
						t.Error(err)
					}
				}
				kept, err := storage.DeleteAll(t.Context(), s, append([]string{own}, shared...))
				if err != nil || len(kept) > 0 {
					t.Errorf("kept %v, %v", kept, err)
				}
				if _, err := s.Head(t.Context(), own); !errors.Is(err, storage.ErrNotExist) {
					t.Errorf("%s after it was deleted: %v", own, err)
				}
			}
		})
	}
	wg.Wait()
	deleteAll(t, s, shared...)
	slices.Sort(stay)
	wantKeys(t, s, "", "", stay...)
}

var clockCases = []conformanceCase{
	{"SetsModTimes", clockSetsModTimes},
	{"CountsAsAList", clockCountsAsAList},
	{"Cancelled", clockCancelled},
}

// clockOf returns the clock of s, nil if it shows none.
func clockOf(t *testing.T, s storage.Storage) storage.Clock {
	if c, ok := s.(storage.Clock); ok {
		return c
	}
	if _, err := storage.Now(t.Context(), s); !errors.Is(err, storage.ErrNoTime) {
		t.Errorf("got %v, want %v", err, storage.ErrNoTime)
	}
	return nil
}

// Both times may be cut to the second, and a file system's clock may be a little behind.
func clockSetsModTimes(t *testing.T, s storage.Storage) {
	c := clockOf(t, s)
	if c == nil {
		return
	}
	before, err := c.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	putKeys(t, s, "key")
	info, err := s.Head(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	after, err := c.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.ModTime.Before(before.Add(-2*time.Second)) || info.ModTime.After(after.Add(2*time.Second)) {
		t.Errorf("an object has time %v, the clock said %v before and %v after", info.ModTime, before, after)
	}
	wantKeys(t, s, "", "", "key")
}

func clockCountsAsAList(t *testing.T, s storage.Storage) {
	c := clockOf(t, s)
	if c == nil {
		return
	}
	var requests storage.Requests
	if _, err := c.Now(storage.CountRequests(t.Context(), &requests)); err != nil {
		t.Fatal(err)
	}
	if got, want := requests.Counts(), (storage.RequestCounts{List: 1}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func clockCancelled(t *testing.T, s storage.Storage) {
	if c := clockOf(t, s); c != nil {
		_, err := c.Now(cancelled(t))
		wantError(t, err, errCause, storage.OpList, "")
	}
}
