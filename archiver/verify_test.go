package archiver_test

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// archiveOf returns the objects of an archive with two backups, the second one
// with an index of its own.
func archiveOf(t testing.TB, name string) map[string][]byte {
	t.Helper()
	store := storagetest.NewMemory()
	path := copyVector(t, name)
	full(t, store, path)
	full(t, store, path)
	return store.Objects()
}

// findings returns what a deep verification of an archive of these objects finds.
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
