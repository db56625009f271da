package archiver_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// storedIn is an archive of a full backup and of an increment that is stored in exactly so
// many bytes.
func storedIn(t *testing.T, bytes int64) (*model, *storagetest.Memory, archiver.BackupReport) {
	t.Helper()
	for n, try := bytes, 0; try < 10; try++ { // it does not compress
		store, m := storagetest.NewMemory(), newModel(t)
		m.commit(100)
		backup(t, store, m.path)
		m.commit(int(n))
		r := backup(t, store, m.path)
		if r.Backup.StoredBytes == bytes {
			return m, store, r
		}
		n += bytes - r.Backup.StoredBytes
	}
	t.Fatalf("no increment is stored in %d bytes", bytes)
	return nil, nil, archiver.BackupReport{}
}

// An increment of 64 KiB stands in its manifest, one of a byte more is an object; both count
// alike.
func TestInlineUpToItsLimit(t *testing.T) {
	for over := range int64(2) {
		m, store, r := storedIn(t, manifest.MaxInlineBytes+over)
		s := indexOf(t, store, 2).Segments
		if len(s) != 1 || s[0].IsInline() != (over == 0) || int64(r.Requests.Put) != 1+over {
			t.Errorf("%d bytes over: %d segments, %d PUTs", over, len(s), r.Requests.Put)
		}
		if int64(r.Backup.Segments) != over || r.Backup.ReusedBytes != 0 {
			t.Errorf("%d bytes over: %+v", over, r.Backup)
		}
		v := mustBeWhole(t, store)
		shallow, err := newArchive(store).Verify(t.Context(), archiver.VerifyOptions{})
		if err != nil || !shallow.OK() || shallow.Bytes != v.Bytes || int64(shallow.Objects) != 5+over || v.Objects != shallow.Objects {
			t.Errorf("%d bytes over: %+v and %+v, %v", over, shallow, v, err)
		}
		if p, err := newArchive(store).Plan(t.Context(), archiver.Target{}); err != nil || int64(p.Objects) != 1+over || p.StoredBytes != v.Bytes {
			t.Errorf("%d bytes over: %d objects of %d bytes, %v", over, p.Objects, p.StoredBytes, err)
		}
		restoresLike(t, store, m.path)
	}
}

// An increment of so many commits that its index is an object is one, too, however small
// it is: its index could not have it.
func TestManyCommitsAreNotInline(t *testing.T) {
	store, m := storagetest.NewMemory(), newModel(t)
	m.commit(100)
	backup(t, store, m.path)
	for range 900 {
		m.commit(1)
	}
	r := backup(t, store, m.path)
	if r.Backup.StoredBytes > manifest.MaxInlineBytes || r.Backup.Segments != 1 || r.Requests.Put != 3 {
		t.Errorf("%+v, %+v", r.Backup, r.Requests)
	}
	if b := manifestOf(t, store.Objects(), 2); b.Index == nil || indexOf(t, store, 2).HasInline() {
		t.Errorf("%+v", b.Index)
	}
	mustBeWhole(t, store)
	restoresLike(t, store, m.path)
}

// A run that loses to another writer sends nothing but its manifest once more.
func TestInlineAfterAConflict(t *testing.T) {
	inner, m := storagetest.NewMemory(), newModel(t)
	m.commit(100)
	backup(t, inner, m.path)
	m.commit(100)
	lost := false
	store := storagetest.NewFaulty(inner, func(op storage.Op, key string, _ int) storagetest.Fault {
		if op == storage.OpPut && key == manifest.Seq(2).Key() && !lost {
			lost = true
			full(t, inner, m.path)
			m.commit(100)
		}
		return storagetest.Fault{}
	})
	r := backup(t, store, m.path)
	if !lost || r.Backup.Seq != 3 || r.Backup.Kind != archiver.KindIncremental || r.Requests.Put != 2 || r.Backup.Segments != 0 {
		t.Errorf("%+v, %+v", r.Backup, r.Requests)
	}
	mustBeWhole(t, inner)
	restoresLike(t, inner, m.path)
}

// A restore of many small increments reads their manifests, and no object beside each.
func TestRequestsOfARestoreOfSmallIncrements(t *testing.T) {
	const increments = 300
	store, m := storagetest.NewMemory(), newModel(t)
	for range 1 + increments {
		m.commit(200)
		backup(t, store, m.path)
	}
	counted := storagetest.NewFaulty(store, nil)
	r, err := newArchive(counted).Restore(t.Context(), filepath.Join(t.TempDir(), "db.grafeo"), archiver.RestoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	gets := map[string]int{}
	for _, c := range counted.Calls() {
		if folder, _, ok := strings.Cut(c.Key, "/"); ok && c.Op == storage.OpGet {
			gets[folder]++
		}
	}
	if gets["manifests"] != 1+increments || gets["segments"] != 1 || r.Plan.Objects != 1 {
		t.Errorf("%v; the plan says %d objects", gets, r.Plan.Objects)
	}
	if n := len(store.Objects()); n != 2+1+1+increments { // archive.json, RESTORE.md, the full backup's segment, the manifests
		t.Errorf("there are %d objects", n)
	}
	mustBeWhole(t, store)
	restoresLike(t, store, m.path)
}

// A restore that fails and continues reads what stands in manifests back like all else.
func TestRestoreContinuesWithInline(t *testing.T) {
	l := newLarge(t)
	l.model.commit(200)
	backup(t, l.store, l.model.path)
	l.want = wholePart(t, l.model.path)
	path := filepath.Join(t.TempDir(), "db.grafeo")
	l.failed(path, 5)
	r, asked, err := l.restore(disktest.Unsynced{}, path, -1, archiver.RestoreOptions{})
	if err != nil || asked != largeSegments-4 || r.ResumedBytes < 200 {
		t.Errorf("it asked for %d segments, and went on with %d bytes: %v", asked, r.ResumedBytes, err)
	}
	l.is(path)
}

// Bytes in a manifest that are not what the index says, with digests that are right, take no
// more memory than others, and the manifest is named.
func TestBombsInManifests(t *testing.T) {
	objects := chain06(t, 1).Objects()
	for name, c := range map[string]struct {
		bomb []byte
		raw  int
	}{
		"a frame of 256 MiB":      {zeros(t, 256<<20), 356},
		"more than there is":      {packed(t, make([]byte, 300)), 16 << 20},
		"less than there is":      {packed(t, make([]byte, 300)), 299},
		"skippable frames":        {skippable(1 << 12), 356},
		"no frame":                {[]byte("no frame"), 356},
		"a claim beyond a frame":  {packed(t, make([]byte, 300)), manifest.MaxFrameBytes + 1},
		"a claim beyond anything": {packed(t, make([]byte, 300)), 1 << 62},
	} {
		t.Run(name, func(t *testing.T) {
			damaged := forged(t, objects, 5, func(_, ix document) {
				s, f := ix["segments"].([]any)[0].(document), ix["frames"].([]any)[0].(document)
				s["data"], s["stored_bytes"], s["sha256"] = manifest.Inline(c.bomb), len(c.bomb), manifest.Sum(c.bomb).String()
				f["offset"], f["stored_bytes"], f["raw_bytes"] = 0, len(c.bomb), c.raw
			})
			refuses(t, damaged, manifest.Seq(5).Key(), 64)
		})
	}
}
