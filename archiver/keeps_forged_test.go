package archiver_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// freeInKeep are the fields of a keep that nothing else in the archive shows to be right.
// What says that less is alive is a removal, which nobody has to explain; that what depends
// on it is gone as well is found.
var freeInKeep = []string{
	"m.keeping.pins", "m.keeping.policy", "m.keeping.imported", "m.keeping.alive",
	"m.keeping.dead_before = 0", "m.keeping.dead_before null", "m.keeping.dead_before removed", // then less is deleted
}

func manifestKind(f forgery) manifest.Kind {
	m, err := manifest.DecodeManifest(f.objects[f.seq.Key()])
	if err != nil {
		return ""
	}
	return m.Kind
}

// everyRecord is an archive with keeps of all kinds, and a merged record: 8 is the first
// keep, 9 is merged from 2 and 3, 10 puts it in their place, and 12 removes 6 and 7. What
// is older than 10 is dead.
func everyRecord(t *testing.T) *storagetest.Memory {
	t.Helper()
	store, m := storagetest.NewMemory(), newModel(t)
	chains(t, m, store, 1, 3) // 1 to 4
	m.checkpointHeld()
	chains(t, m, store, 1, 2)    // 5 to 7
	keep(t, store, keepChange{}) // 8
	merge(t, store, 2, 3, true)  // 9, 10
	m.checkpointHeld()           // so that 11 is on its own
	m.commit(100)
	full(t, store, m.path)
	keep(t, store, keepChange{removed: []uint64{6, 7}, pins: []manifest.Pin{{Backup: 4, Label: "x", Host: "h", At: time.Unix(0, 0).UTC()}}, change: func(k *manifest.Keeping) {
		k.Policy = &manifest.Rules{Last: 3}
		k.Imported = []manifest.Digest{{1}, {2}}
	}})
	m.commit(100)
	backup(t, store, m.path) // 13
	return store
}

// A keep or a merged record that is wrong in any field is found, or says nothing that
// matters; and nothing that is restored is wrong.
func TestForgedKeeps(t *testing.T) {
	t.Parallel()
	objects := everyRecord(t).Objects()
	mustBeWhole(t, refill(t, objects))
	for seq, f := range map[manifest.Seq]forgery{9: {first: 3}, 10: {first: 3}, 12: {first: 3}} {
		f.objects, f.seq, f.last = objects, seq, 4
		t.Run(fmt.Sprint(seq), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, f.everything)
		})
	}
}

// Rot in any byte of a keep that counts, of a merged record or of a fence is found, and the
// object is named.
func TestRotOfKeeps(t *testing.T) {
	t.Parallel()
	objects := everyRecord(t).Objects()
	keys := []string{manifest.Seq(9).Key(), manifest.Seq(12).Key(), manifest.FenceKey(10)}
	for _, key := range keys {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := objects[key]
				ways := map[string][]byte{"removed": nil, "emptied": {}, "cut": b[:len(b)/2], "longer": append(bytes.Clone(b), 0)}
				for at := 0; at < len(b); at += 1 + len(b)/40 {
					d := bytes.Clone(b)
					d[at] ^= 1 << (at % 8)
					ways[fmt.Sprintf("a bit flipped at %d", at)] = d
				}
				for _, what := range slices.Sorted(maps.Keys(ways)) {
					changed := maps.Clone(objects)
					if changed[key] = ways[what]; ways[what] == nil {
						delete(changed, key)
					}
					if found := findings(t, changed); !names(found, key) {
						t.Errorf("%s: %v", what, found)
					}
				}
			})
		})
	}
}
