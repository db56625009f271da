package archiver_test

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// needs returns, for each object, which backup's restore needs it.
func needs(t testing.TB, objects map[string][]byte) map[string]uint64 {
	t.Helper()
	of := map[string]uint64{manifest.ArchiveKey: 1, manifest.InstructionsKey: 1}
	for seq := uint64(1); objects[manifest.Seq(seq).Key()] != nil; seq++ {
		m := manifestOf(t, objects, seq)
		of[manifest.Seq(seq).Key()] = seq
		ix := m.Content
		if ix == nil {
			of[m.Index.Key] = seq
			ix = indexAt(t, objects, m)
		}
		for _, s := range ix.Segments {
			if !s.IsInline() {
				of[s.Key] = seq
			}
		}
		if image := ix.Image(); image != nil {
			for _, p := range image.Pages {
				of[p.Key] = seq
			}
		}
	}
	return of
}

// rot is an archive in which some object is damaged.
type rot struct {
	objects map[string][]byte
	needs   map[string]uint64
	tried   int
}

// found demands that each of the keys, whose objects are damaged in some of
// the objects, is named by a deep verification; that a restore of a backup that
// needs one of them fails, names it, and leaves nothing but, hidden, what was whole.
func (r *rot) found(t *testing.T, what string, damaged map[string][]byte) {
	t.Helper()
	if r.tried++; isLeftOut(r.tried - 1) {
		return
	}
	objects := maps.Clone(r.objects)
	maps.Copy(objects, damaged)
	maps.DeleteFunc(objects, func(_ string, b []byte) bool { return b == nil })
	found := findings(t, objects)
	for key := range damaged {
		if !names(found, key) {
			t.Errorf("%s %s: verify found %v", key, what, found)
		}
		dir := t.TempDir()
		_, err := newArchive(refill(t, objects)).Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{Target: archiver.AtBackup(r.needs[key])})
		if kindOf(key) == "pages" || key == manifest.ArchiveKey || key == manifest.InstructionsKey { // no restore needs them
			if err != nil {
				t.Errorf("%s %s: restore %d: %v", key, what, r.needs[key], err)
			}
			continue
		}
		if code := archiver.CodeOf(err); code != archiver.CodeDamagedArchive {
			t.Errorf("%s %s: restore %d: %s %v", key, what, r.needs[key], code, err)
		} else if !slices.ContainsFunc(slices.Collect(maps.Keys(damaged)), func(key string) bool { return strings.Contains(err.Error(), key) }) {
			t.Errorf("%s %s: the error does not name it: %v", key, what, err)
		}
		for name := range contents(t, dir) {
			if !strings.HasPrefix(name, ".db.grafeo.gbak-restore") { // where the next one continues
				t.Errorf("%s %s: the restore has left %s", key, what, name)
			}
		}
	}
}

// A backup of a chain that is missing is named by the restore that needs it.
func TestMissingInChain(t *testing.T) {
	store := storagetest.NewMemory()
	m := newModel(t)
	for range 3 {
		m.commit(100)
		backup(t, store, m.path)
	}
	for _, seq := range []manifest.Seq{1, 2} {
		objects := store.Objects()
		delete(objects, seq.Key())
		_, err := newArchive(refill(t, objects)).Restore(t.Context(), filepath.Join(t.TempDir(), "db.grafeo"), archiver.RestoreOptions{})
		mustFail(t, err, archiver.CodeDamagedArchive, seq.Key()+": it is missing")
		_, err = newArchive(refill(t, objects)).Restore(t.Context(), filepath.Join(t.TempDir(), "db.grafeo"), archiver.RestoreOptions{Target: archiver.AtBackup(uint64(seq))})
		mustFail(t, err, archiver.CodeDamagedArchive, seq.Key()+": it is missing")
	}
}

// perKind is how many bytes of each kind of object are damaged at least, in each
// generation: 200 in both.
const perKind = 100

// Rot in any byte of any object, and any other damage to one, is found by a
// verification and by a restore, with the object's name.
func TestRot(t *testing.T) {
	for name, archive := range map[string]func(*testing.T) map[string][]byte{"0.5": everyKind05, "0.6": everyKind06} {
		t.Run(name, func(t *testing.T) {
			objects := archive(t)
			mustBeWhole(t, refill(t, objects))
			needs := needs(t, objects)
			count := map[string]int{}
			for key := range objects {
				count[kindOf(key)]++
			}
			for _, key := range slices.Sorted(maps.Keys(objects)) {
				t.Run(key, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						r := &rot{objects: objects, needs: needs}
						r.everyClass(t, key, 1+perKind/count[kindOf(key)])
						r.everythingElse(t, key)
					})
				})
			}
		})
	}
}

// everyClass flips a bit in at least so many bytes of the object, some of each
// class of its bytes.
func (r *rot) everyClass(t *testing.T, key string, atLeast int) {
	t.Helper()
	b := r.objects[key]
	classes := classesOf(t, key, b)
	seed := fnv.New64a()
	_, _ = seed.Write(b[:min(len(b), 100)])
	random := rand.New(rand.NewPCG(1, seed.Sum64()))
	atLeast = min(atLeast, len(b))
	done := map[int]bool{}
	flip := func(class string, at int) {
		if done[at] {
			return
		}
		done[at] = true
		d := bytes.Clone(b)
		d[at] ^= 1 << random.IntN(8)
		r.found(t, fmt.Sprintf("with a bit flipped at %d of %d, in %s", at, len(b), class), map[string][]byte{key: d})
	}
	flip("the first byte", 0)
	flip("the last byte", len(b)-1)
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		all := classes[class]
		for range min(len(all), 1+atLeast/len(classes)) {
			flip(class, all[random.IntN(len(all))])
		}
	}
	for len(done) < atLeast {
		flip("any byte", random.IntN(len(b)))
	}
}

// everythingElse damages the object in all ways but by single bits.
func (r *rot) everythingElse(t *testing.T, key string) {
	t.Helper()
	b := r.objects[key]
	noise := make([]byte, len(b))
	grafeotest.Fill(noise, 1, 0)
	ways := map[string][]byte{
		"cut by a byte":            b[:len(b)-1],
		"without its first byte":   b[1:],
		"cut in half":              b[:len(b)/2],
		"cut to a byte":            b[:1],
		"emptied":                  {},
		"zeroed":                   make([]byte, len(b)),
		"zeroed at the end":        append(bytes.Clone(b[:len(b)/2]), make([]byte, len(b)-len(b)/2)...),
		"replaced by noise":        noise,
		"a byte longer":            append(bytes.Clone(b), 0),
		"a line longer":            append(bytes.Clone(b), '\n'),
		"a block of zeros longer":  append(bytes.Clone(b), make([]byte, 4096)...),
		"twice as long":            slices.Repeat(b, 2),
		"with a byte put in front": append([]byte{' '}, b...),
		"removed":                  nil,
	}
	for _, what := range slices.Sorted(maps.Keys(ways)) {
		d := ways[what]
		if next := manifest.Seq(r.needs[key] + 1).Key(); d == nil && kindOf(key) == "manifests" && r.objects[next] == nil {
			continue // a newest manifest that is gone cannot be missed
		}
		r.found(t, what, map[string][]byte{key: d})
	}
	kinds := map[string]bool{}
	for _, other := range slices.Sorted(maps.Keys(r.objects)) {
		c, kind := r.objects[other], kindOf(other)
		switch {
		case kinds[kind] || other <= key && kind == kindOf(key) || bytes.Equal(b, c):
			continue
		case kind == kindOf(key):
			r.found(t, "swapped with "+other, map[string][]byte{key: c, other: b})
		default:
			r.found(t, "replaced by "+other, map[string][]byte{key: c})
		}
		kinds[kind] = true
	}
}
