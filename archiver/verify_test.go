package archiver_test

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// archiveOf gives the objects of an archive with two backups, the second one
// with an index of its own.
func archiveOf(t testing.TB, name string) map[string][]byte {
	t.Helper()
	store := storagetest.NewMemory()
	path := copyVector(t, name)
	full(t, store, path)
	full(t, store, path)
	return store.Objects()
}

// findings verifies an archive of these objects and checks that a restore of
// everything that was found to be damaged is refused and leaves nothing.
func findings(t testing.TB, objects map[string][]byte) []archiver.Finding {
	t.Helper()
	store := refill(t, objects)
	r, err := newArchive(store).Verify(t.Context(), archiver.VerifyOptions{Deep: true})
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	return r.Findings
}

func names(found []archiver.Finding, key string) bool {
	return slices.ContainsFunc(found, func(f archiver.Finding) bool { return f.Key == key })
}

// Every damage to every kind of object is found, and the object is named.
func TestDamageIsFound(t *testing.T) {
	for _, vector := range []string{"v0.5.42/live", "v0.6.0/live"} {
		t.Run(vector, func(t *testing.T) { damageEverything(t, archiveOf(t, vector)) })
	}
}

func damageEverything(t *testing.T, objects map[string][]byte) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same damage every time
	for key, b := range objects {
		damage := func(what string, damaged []byte) {
			t.Helper()
			changed := maps.Clone(objects)
			changed[key] = damaged
			if damaged == nil {
				delete(changed, key)
			}
			if found := findings(t, changed); !names(found, key) {
				t.Errorf("%s %s: found %v", key, what, found)
			}
		}
		for range 40 {
			at := random.IntN(len(b))
			d := bytes.Clone(b)
			d[at] ^= 1 << random.IntN(8)
			damage("flipped at "+string(rune('0'+at%10)), d)
		}
		damage("cut", b[:len(b)-1])
		damage("cut in half", b[:len(b)/2])
		damage("emptied", []byte{})
		damage("zeroed", make([]byte, len(b)))
		damage("longer", append(bytes.Clone(b), 0))
		for other, c := range objects {
			if other != key && !bytes.Equal(b, c) {
				damage("replaced by "+other, c)
			}
		}
		if key != manifest.Seq(2).Key() { // a newest manifest that is gone cannot be missed
			damage("removed", nil)
		}
	}
}

// What a restore needs and does not get whole, it refuses, and leaves nothing.
func TestRestoreRefusesDamage(t *testing.T) {
	objects := archiveOf(t, "v0.6.0/live")
	for key, b := range objects {
		if key == manifest.Seq(1).Key() {
			continue // the newest backup does not need it
		}
		for _, at := range []int{0, len(b) / 3, len(b) / 2, len(b) - 2} {
			changed := maps.Clone(objects)
			changed[key] = bytes.Clone(b)
			changed[key][at] ^= 0x20
			dir := t.TempDir()
			_, err := newArchive(refill(t, changed)).Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{})
			if code := archiver.CodeOf(err); code != archiver.CodeDamagedArchive && code != archiver.CodeUnsupported {
				t.Errorf("%s damaged at %d: %v (%s)", key, at, err, code)
			} else if !strings.Contains(err.Error(), key) {
				t.Errorf("%s damaged at %d: the error does not name it: %v", key, at, err)
			}
			if left := contents(t, dir); len(left) != 0 {
				t.Errorf("%s damaged at %d: the restore has left %v", key, at, slices.Sorted(maps.Keys(left)))
			}
		}
	}
}

// Without --deep the segments' content is not read, but what is missing or has
// another size is found.
func TestShallowVerify(t *testing.T) {
	objects := archiveOf(t, "v0.6.0/live")
	for key, b := range objects {
		if !segmentKey(key) {
			continue
		}
		for _, damaged := range [][]byte{nil, b[1:]} {
			changed := maps.Clone(objects)
			delete(changed, key)
			if damaged != nil {
				changed[key] = damaged
			}
			r, err := newArchive(refill(t, changed)).Verify(t.Context(), archiver.VerifyOptions{})
			if err != nil || !names(r.Findings, key) {
				t.Errorf("%s: %v, %v", key, r.Findings, err)
			}
		}
	}
}

func TestUnusedSegments(t *testing.T) {
	objects := archiveOf(t, "v0.6.0/live")
	objects["segments/0123456789abcdef/000000-0123456789abcdef.zst"] = []byte("of an interrupted run")
	if r := mustBeWhole(t, refill(t, objects)); r.Unused != 1 {
		t.Errorf("%d unused segments, want 1", r.Unused)
	}
}

func TestNoArchive(t *testing.T) {
	a := newArchive(storagetest.NewMemory())
	_, err := a.List(t.Context())
	mustFail(t, err, archiver.CodeNoArchive)
	_, err = a.Verify(t.Context(), archiver.VerifyOptions{})
	mustFail(t, err, archiver.CodeNoArchive)
	_, err = a.Restore(t.Context(), filepath.Join(t.TempDir(), "x.grafeo"), archiver.RestoreOptions{})
	mustFail(t, err, archiver.CodeNoArchive)
}
