package archiver_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// copyStep is a copy that stops at an operation of one of its stores.
func copyStep(t *testing.T, from, to storage.Storage, ofTarget bool, hook storagetest.Hook) (calls []storagetest.Call, err error) {
	t.Helper()
	faulty := storagetest.NewFaulty(from, hook)
	source, target := storage.Storage(faulty), to
	if ofTarget {
		faulty = storagetest.NewFaulty(to, hook)
		source, target = from, faulty
	}
	open := func(s storage.Storage) *archiver.Archive {
		return newWith(s, archiver.Options{Concurrency: 1, Host: "test", Tool: "test"}).WithoutRaces()
	}
	synctest.Test(t, func(t *testing.T) { _, err = open(source).Copy(t.Context(), open(target), archiver.CopyOptions{}) })
	return faulty.Calls(), err
}

// Whatever operation of a copy is the last one, before it or right after it: what the target has
// is whole, nothing of it or of the archive is changed, and the next run completes it.
func TestCopyStopsAnywhere(t *testing.T) {
	for name, prepare := range copyScenes {
		for _, ofTarget := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, of target %v", name, ofTarget), func(t *testing.T) {
				t.Parallel()
				prepared := storagetest.NewMemory()
				prepare(t, prepared)
				whole, _ := copyOf(t, prepared)
				want := epochStates(t, prepared)
				calls, err := copyStep(t, prepared, storagetest.NewMemory(), ofTarget, nil)
				if err != nil || len(calls) < 6 {
					t.Fatalf("%d operations, %v", len(calls), err)
				}
				onEachCall(t, calls, func(t *testing.T, k int) {
					for _, applied := range []bool{false, true} {
						at := fmt.Sprintf("stopped at operation %d, applied: %v", k, applied)
						to := storagetest.NewMemory()
						_, err := copyStep(t, prepared, to, ofTarget, storagetest.StopAt(k, applied, storagetest.Refuses))
						if err == nil && len(numbers(t, to)) != len(numbers(t, whole)) {
							t.Fatalf("%s: a wrong success", at)
						}
						before := to.Objects()
						if before[manifest.Seq(1).Key()] != nil {
							mustBeWhole(t, to)
						}
						copyInto(t, prepared, to)
						for key, b := range before {
							if !bytes.Equal(b, to.Objects()[key]) {
								t.Fatalf("%s: %s was changed", at, key)
							}
						}
						sameStates(t, at, want, to)
						mustBeWhole(t, to)
						if a, b := segmentKeys(to), segmentKeys(whole); !slices.Equal(a, b) {
							t.Fatalf("%s: segments were stored twice (-want +got)\n%s", at, cmp.Diff(b, a))
						}
					}
				})
			})
		}
	}
}

// segmentKeys returns the keys of segments.
func segmentKeys(store *storagetest.Memory) (keys []string) {
	for key := range store.Objects() {
		if strings.HasPrefix(key, manifest.SegmentPrefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Several copies at the same time lose nothing, and nothing is there twice.
func TestCopiesAtTheSameTime(t *testing.T) {
	from := storagetest.NewMemory()
	m := increments(t, from, 40)
	full(t, from, m.path)
	if _, err := newArchive(from).Pin(t.Context(), 3, ""); err != nil {
		t.Fatal(err)
	}
	to := storagetest.NewMemory()
	results := make(chan error)
	const copies = 3
	for range copies {
		go func() {
			_, err := newArchive(from).Copy(t.Context(), newArchive(to), archiver.CopyOptions{})
			results <- err
		}()
	}
	for range copies {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	sameArchive(t, from, to)
	if n := len(numbers(t, to)); n != 42 {
		t.Errorf("%d backups", n)
	}
}

// A damaged backup ends the copy with its name, and what comes before it is there.
func TestCopyOfADamagedArchive(t *testing.T) {
	from := storagetest.NewMemory()
	m := newModel(t)
	for range 4 {
		m.commit(70_000)
		backup(t, from, m.path)
	}
	key := indexOf(t, from, 3).Segments[0].Key
	b := bytes.Clone(from.Objects()[key])
	b[len(b)/2] ^= 1
	if _, err := from.Put(t.Context(), key, bytes.NewReader(b), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	to := storagetest.NewMemory()
	r, err := newArchive(from).Copy(t.Context(), newArchive(to), archiver.CopyOptions{CommitTimeout: time.Minute})
	mustFail(t, err, archiver.CodeDamagedArchive, key, "which is copied")
	if r.Backups > 2 {
		t.Errorf("%+v", r)
	}
	if err := from.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	_, err = newArchive(from).Copy(t.Context(), newArchive(to), archiver.CopyOptions{})
	mustFail(t, err, archiver.CodeDamagedArchive, key, "it is missing")
}
