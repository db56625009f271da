package archiver_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// What has another size in the mirror than in the archive is named, whatever it is, without anything
// being read back; nothing is overwritten, and what has come since is mirrored.
func TestMirrorComparesSizes(t *testing.T) {
	from, to := storagetest.NewMemory(), storagetest.NewMemory()
	m := increments(t, from, 6)
	for seq := range uint64(2) { // the second keep makes a fence
		if _, err := newArchive(from).Pin(t.Context(), seq+1, ""); err != nil {
			t.Fatal(err)
		}
	}
	mirrorInto(t, from, to)
	whole := to.Objects()
	m.commit(10)
	backup(t, from, m.path)
	records := recordsIn(t, whole)
	newest := slices.Max(slices.Collect(maps.Keys(records)))
	isFence := func(key string) bool { _, ok := manifest.ParseFenceKey(key); return ok }
	if whole[manifest.InstructionsKey] == nil || !slices.ContainsFunc(slices.Collect(maps.Keys(whole)), isFence) {
		t.Fatalf("no fence, or no instructions: %q", slices.Sorted(maps.Keys(whole)))
	}
	for key := range mirrored(whole) {
		damaged := to.Objects()
		damaged[key] = damaged[key][:10]
		mirror := refill(t, damaged)
		r, err := newArchive(from).Mirror(t.Context(), newArchive(mirror), archiver.MirrorOptions{})
		mustFail(t, err, archiver.CodeDamagedArchive, key, "of the mirror")
		objects := mirror.Objects()
		if len(objects[key]) != 10 {
			t.Errorf("%s was overwritten", key)
		}
		// Before these two are compared with what they are to be, nothing is done in the mirror.
		if key == manifest.ArchiveKey || key == newest.Key() {
			continue
		}
		want := []archiver.MirrorDamage{{Key: key, Problem: r.Damaged[0].Problem}}
		if diff := cmp.Diff(want, r.Damaged); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", key, diff)
		}
		if objects[(newest+1).Key()] == nil {
			t.Errorf("%s: what has come since was not mirrored", key)
		}
		if err := mirror.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		mirrorInto(t, from, mirror)
		mustMirror(t, from, mirror)
	}
}

// If the sizes of a record differ, it is read on both sides to find out which one is damaged.
func TestMirrorFindsTheDamagedSide(t *testing.T) {
	from, to := storagetest.NewMemory(), storagetest.NewMemory()
	increments(t, from, 6)
	mirrorInto(t, from, to)
	key := manifest.Seq(3).Key()
	cut := func(s *storagetest.Memory) *storagetest.Memory {
		objects := s.Objects()
		objects[key] = objects[key][:10]
		return refill(t, objects)
	}
	for name, c := range map[string]struct {
		from, to *storagetest.Memory
		inSource []bool
	}{
		"the archive": {cut(from), to, []bool{true}},
		"the mirror":  {from, cut(to), []bool{false}},
	} {
		r, err := newArchive(c.from).Mirror(t.Context(), newArchive(c.to), archiver.MirrorOptions{DryRun: true})
		mustFail(t, err, archiver.CodeDamagedArchive, key)
		var inSource []bool
		for _, d := range r.Damaged {
			inSource = append(inSource, d.InSource)
		}
		if !slices.Equal(inSource, c.inSource) {
			t.Errorf("%s: %+v", name, r.Damaged)
		}
	}
	other := to.Objects()
	other[key] = other[manifest.MirrorKey] // intact, and something else
	_, err := newArchive(from).Mirror(t.Context(), newArchive(refill(t, other)), archiver.MirrorOptions{})
	mustFail(t, err, archiver.CodeConflict, "record 3")
}
