package archiver_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/local"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// places are where an archive may lie inside another one, whose own names are the worst of them.
var places = []string{
	"inner", "media", "mirror-of-inner", // two with the letter that the journal begins with
	"manifests", "manifests/0000000001", "segments", "segments/0000000000-0123456789abcdef0123456789abcdef",
	"indexes", "fences", "certificates", "digests", "probe", "probe/0123456789abcdef0123456789abcdef", ".tmp",
}

// An archive inside another one, whatever the name of its folder is, and the one around it do not
// touch each other: nothing of the one is deleted, copied or believed by the other.
func TestArchiveInsideAnother(t *testing.T) {
	for i, place := range places {
		if isLeftOut(i) {
			continue
		}
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "outer")
			outer, inner := insider{dir: dir}, insider{dir: filepath.Join(dir, filepath.FromSlash(place)), unlike: 1}
			outer.fill(t)
			ofOuter := contents(t, dir)
			inner.fill(t)
			ofInner := contents(t, dir)
			maps.DeleteFunc(ofInner, func(name, _ string) bool { return ofOuter[name] != "" })
			if err := ageAll(dir, 100*24*time.Hour); err != nil {
				t.Fatal(err)
			}
			outer.work(t)
			now := contents(t, dir)
			if diff := cmp.Diff(ofInner, only(now, ofInner)); diff != "" {
				t.Fatalf("the inner archive (-before +after the work of the outer)\n%s", diff)
			}
			maps.DeleteFunc(now, func(name, _ string) bool { return ofInner[name] != "" })
			inner.work(t)
			if diff := cmp.Diff(now, only(contents(t, dir), now)); diff != "" {
				t.Fatalf("the outer archive (-before +after the work of the inner)\n%s", diff)
			}
		})
	}
}

// only returns those files that others are named as.
func only(files, others map[string]string) map[string]string {
	maps.DeleteFunc(files, func(name, _ string) bool { _, has := others[name]; return !has })
	return files
}

// insider is one of two archives, one inside the other.
type insider struct {
	dir    string
	unlike int // so that its database is another one
	model  *model
}

func (a *insider) store(t *testing.T) storage.Storage {
	t.Helper()
	store, err := local.Open(a.dir)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// fill makes full backups of which some are not needed, a merged record, and digests.
func (a *insider) fill(t *testing.T) {
	t.Helper()
	a.model = newModel(t)
	for i := range 6 {
		a.model.commit(100 + 60_000*(i%2) + a.unlike)
		if i == 3 {
			a.model.checkpointHeld()
			full(t, a.store(t), a.model.path)
		}
		backup(t, a.store(t), a.model.path)
	}
	if _, err := newArchive(a.store(t)).Attest(t.Context(), archiver.AttestOptions{Target: archiver.AtEpoch(2), Digest: fmt.Sprintf("v1:%d", a.unlike)}); err != nil {
		t.Fatal(err)
	}
}

// work does all that an archive is for, which must go as if it were alone.
func (a *insider) work(t *testing.T) {
	t.Helper()
	store := a.store(t)
	compactAll(t, store)
	rules := archiver.Rules{Last: 3}
	for range 3 { // what the first removes, the last deletes
		r, err := newArchive(store).Expire(t.Context(), archiver.ExpireOptions{Rules: &rules, Apply: true, Grace: archiver.NoGrace})
		if err != nil {
			t.Fatalf("expire: %v", err)
		}
		a.model.commit(100)
		backup(t, store, a.model.path)
		if r.Refused != 0 || r.Survivors != 0 {
			t.Errorf("%+v", r)
		}
	}
	mustBeWhole(t, store)
	states := epochStates(t, store)
	if len(states) < 4 {
		t.Fatalf("%d states", len(states))
	}
	to := storagetest.NewMemory()
	mirrorInto(t, store, to)
	for key := range to.Objects() {
		if !isOwnKey(key) {
			t.Errorf("%s was mirrored", key)
		}
	}
	sameStates(t, "mirrored", states, to)
	copied := storagetest.NewMemory()
	if _, err := newArchive(store).Copy(t.Context(), newArchive(copied), archiver.CopyOptions{}); err != nil {
		t.Fatalf("copy: %v", err)
	}
	sameStates(t, "copied", states, copied)
	if s, err := newArchive(store).Status(t.Context(), archiver.StatusOptions{}); err != nil || s.Newest == nil {
		t.Fatalf("status: %v", err)
	}
}

// isOwnKey reports whether a key is one of FORMAT.md, "Objects".
func isOwnKey(key string) bool {
	_, isRecord := manifest.ParseKey(key)
	_, isData := manifest.ParseGeneration(key)
	_, isFence := manifest.ParseFenceKey(key)
	return isRecord || isData || isFence || manifest.IsDigestKey(key) ||
		key == manifest.ArchiveKey || key == manifest.InstructionsKey || key == manifest.MirrorKey
}

// ageAll makes all files below dir older.
func ageAll(dir string, by time.Duration) error {
	then := time.Now().Add(-by)
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		return os.Chtimes(path, then, then)
	})
}
