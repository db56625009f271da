package archiver_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// mirrorScene is an archive, and as of when it was mirrored last.
type mirrorScene struct {
	name   string
	before *storagetest.Memory // the archive then; nil if it never was
	from   *storagetest.Memory // the archive now
}

// mirrorScenes are first mirrorings of archives of all kinds, and mirrorings of what has come since.
func mirrorScenes(t *testing.T) (scenes []mirrorScene) {
	t.Helper()
	for name, prepare := range copyScenes {
		store := storagetest.NewMemory()
		prepare(t, store)
		scenes = append(scenes, mirrorScene{name, nil, store})
	}
	store := storagetest.NewMemory()
	m := increments(t, store, 3)
	before := refill(t, store.Objects())
	m.commit(70_000)
	backup(t, store, m.path)
	compactAll(t, store)
	for range 2 {
		m.commit(70_000)
		backup(t, store, m.path)
	}
	if _, err := newArchive(store).Pin(t.Context(), 4, ""); err != nil {
		t.Fatal(err)
	}
	full(t, store, m.path)
	scenes = append(scenes, mirrorScene{"what has come since", before, refill(t, store.Objects())})

	expired := refill(t, store.Objects())
	if _, err := newArchive(expired).Unpin(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	rules := archiver.ExpireOptions{Rules: &archiver.Rules{Full: 1}, Apply: true, Grace: archiver.NoGrace}
	if _, err := newArchive(expired).Expire(t.Context(), rules); err != nil {
		t.Fatal(err)
	}
	return append(scenes, mirrorScene{"a first time after an expiry", nil, expired})
}

// mirrorStep is a mirroring that stops at an operation of one of its stores.
func mirrorStep(t *testing.T, from, to storage.Storage, ofTarget bool, hook storagetest.Hook) (calls []storagetest.Call, err error) {
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
	synctest.Test(t, func(t *testing.T) { _, err = open(source).Mirror(t.Context(), open(target), archiver.MirrorOptions{}) })
	return faulty.Calls(), err
}

// isWholeMirror demands that what is at the address of a mirror is an archive that is whole, but for
// some objects, or none yet, and reports which.
func isWholeMirror(t *testing.T, at string, to *storagetest.Memory, but ...string) bool {
	t.Helper()
	_, err := newArchive(to).Restore(t.Context(), filepath.Join(t.TempDir(), "db.grafeo"), archiver.RestoreOptions{})
	if archiver.CodeOf(err) == archiver.CodeNoArchive {
		if to.Objects()[manifest.ArchiveKey] != nil {
			t.Fatalf("%s: %v", at, err)
		}
		return false
	}
	if err != nil {
		t.Fatalf("%s: the mirror does not restore: %v", at, err)
	}
	for _, f := range verified(t, to).Findings {
		if !slices.Contains(but, f.Key) {
			t.Fatalf("%s: %s: %s", at, f.Key, f.Problem)
		}
	}
	return true
}

func verified(t *testing.T, store storage.Storage) archiver.VerifyReport {
	t.Helper()
	r, err := newArchive(store).Verify(t.Context(), archiver.VerifyOptions{Deep: true})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Whatever operation of a mirroring is the last one, before it or right after it: the mirror is an
// archive that is whole, or none yet, and the next run makes it the archive.
func TestMirrorStopsAnywhere(t *testing.T) {
	for _, scene := range mirrorScenes(t) {
		for _, ofTarget := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, of target %v", scene.name, ofTarget), func(t *testing.T) {
				t.Parallel()
				target := func() *storagetest.Memory {
					to := storagetest.NewMemory()
					if scene.before != nil {
						mirrorInto(t, scene.before, to)
					}
					return to
				}
				calls, err := mirrorStep(t, scene.from, target(), ofTarget, nil)
				if err != nil || len(calls) < 6 {
					t.Fatalf("%d operations, %v", len(calls), err)
				}
				onEachCall(t, calls, func(t *testing.T, k int) {
					for _, applied := range []bool{false, true} {
						at := fmt.Sprintf("stopped at operation %d (%s %s), applied: %v", k, calls[k-1].Op, calls[k-1].Key, applied)
						to := target()
						_, err := mirrorStep(t, scene.from, to, ofTarget, storagetest.StopAt(k, applied, storagetest.Refuses))
						if isWhole := isWholeMirror(t, at, to); err == nil && !isWhole {
							t.Fatalf("%s: a wrong success", at)
						}
						before := to.Objects()
						mirrorInto(t, scene.from, to)
						for key, b := range before {
							if !bytes.Equal(b, to.Objects()[key]) {
								t.Fatalf("%s: %s was changed", at, key)
							}
						}
						mustMirror(t, scene.from, to)
					}
				})
			})
		}
	}
}

// looking is a store that looks at itself after each Put.
type looking struct {
	*storagetest.Memory
	look func(key string)
}

func (w *looking) Put(ctx context.Context, key string, body io.ReadSeeker, o storage.PutOptions) (storage.PutResult, error) {
	r, err := w.Memory.Put(ctx, key, body, o)
	w.look(key)
	return r, err
}

// At every moment of a mirroring everything that the mirror shows can be restored from it, and what
// could be before can be still.
func TestMirrorRestoresAtEveryMoment(t *testing.T) {
	for _, scene := range mirrorScenes(t) {
		t.Run(scene.name, func(t *testing.T) {
			t.Parallel()
			to := storagetest.NewMemory()
			if scene.before != nil {
				mirrorInto(t, scene.before, to)
			}
			var mu sync.Mutex // several are put at once
			was, looks := false, 0
			look := func(key string) {
				mu.Lock()
				defer mu.Unlock()
				if strings.HasPrefix(key, manifest.ManifestPrefix) || key == manifest.ArchiveKey {
					is := isWholeMirror(t, "after "+key, to)
					if was && !is {
						t.Errorf("after %s it is no archive any more", key)
					}
					was = is
					looks++
				}
			}
			if _, err := newArchive(scene.from).Mirror(t.Context(), newArchive(&looking{to, look}), archiver.MirrorOptions{}); err != nil || looks == 0 || !was {
				t.Errorf("%d looks, %v", looks, err)
			}
			sameStates(t, "the mirror", epochStates(t, scene.from), to)
		})
	}
}

// Whatever object is damaged, it stays behind and is named, and the mirror is an archive that is whole,
// or none yet. Once it is mended, the mirror is completed.
func TestMirrorDoesNotSpreadRot(t *testing.T) {
	for _, scene := range mirrorScenes(t) {
		t.Run(scene.name, func(t *testing.T) {
			t.Parallel()
			all := scene.from.Objects()
			for n, key := range slices.Sorted(maps.Keys(all)) {
				if isLeftOut(n) {
					continue
				}
				b := all[key]
				rotten := bytes.Clone(b)
				rotten[len(b)*2/3] ^= 4
				for what, now := range map[string][]byte{"rotten": rotten, "cut off": b[:len(b)-1], "lost": nil} {
					from, to := refill(t, scene.from.Objects()), storagetest.NewMemory()
					if scene.before != nil {
						mirrorInto(t, scene.before, to)
					}
					had := to.Objects()[key] != nil
					if err := from.Delete(t.Context(), key); err != nil {
						t.Fatal(err)
					}
					if now != nil {
						if _, err := from.Put(t.Context(), key, bytes.NewReader(now), storage.PutOptions{}); err != nil {
							t.Fatal(err)
						}
					}
					at := key + ", " + what
					r, err := newArchive(from).Mirror(t.Context(), newArchive(to), archiver.MirrorOptions{})
					if got, isThere := to.Objects()[key]; isThere && !bytes.Equal(got, b) {
						t.Errorf("%s: it was spread", at)
					}
					if now != nil && !had && (err == nil || !strings.Contains(err.Error(), key)) {
						t.Errorf("%s: %+v, %v", at, r, err)
					}
					isWholeMirror(t, at, to, key) // it may be one that no restore needs
					mirrorInto(t, scene.from, to)
					mustMirror(t, scene.from, to)
				}
			}
		})
	}
}
