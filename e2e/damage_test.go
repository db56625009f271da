package e2e

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// damage is one thing that can happen to the objects of an archive. apply does
// it and names the objects of which verify must report at least one.
type damage struct {
	name  string
	apply func(t testing.TB, at place) []string
}

// flips are damages of one byte, at both ends of an object and in between.
func flips(key string, size, places int) []damage {
	var all []damage
	for i := range places {
		offset := i * (size - 1) / max(1, places-1)
		all = append(all, damage{fmt.Sprintf("flip-%d", offset), func(t testing.TB, at place) []string {
			b := at.read(t, key)
			b[offset] ^= 0x10
			at.write(t, key, b)
			return []string{key}
		}})
	}
	return all
}

// resized are damages of an object's length.
func resized(key string) []damage {
	change := func(name string, to func([]byte) []byte) damage {
		return damage{name, func(t testing.TB, at place) []string {
			at.write(t, key, to(at.read(t, key)))
			return []string{key}
		}}
	}
	return []damage{
		change("emptied", func([]byte) []byte { return nil }),
		change("truncated", func(b []byte) []byte { return b[:len(b)-1] }),
		change("halved", func(b []byte) []byte { return b[:len(b)/2] }),
		change("appended", func(b []byte) []byte { return append(b, '\n') }),
		change("doubled", func(b []byte) []byte { return append(b, b...) }),
		change("zeroed", func(b []byte) []byte { return make([]byte, len(b)) }),
	}
}

func removed(key string) damage {
	return damage{"removed", func(t testing.TB, at place) []string {
		at.remove(t, key)
		return []string{key}
	}}
}

func swapped(a, b string) damage {
	return damage{"swapped-with-" + filepath.Base(b), func(t testing.TB, at place) []string {
		x, y := at.read(t, a), at.read(t, b)
		if bytes.Equal(x, y) {
			t.Fatalf("%s and %s are equal: swapping them is no damage", a, b)
		}
		at.write(t, a, y)
		at.write(t, b, x)
		return []string{a, b}
	}}
}

// foreign puts another archive's object of the same kind in an object's place.
// Where archive.json and the one manifest disagree, either may be named.
func foreign(key string, other place, otherKey string) damage {
	return damage{"from-another-archive", func(t testing.TB, at place) []string {
		at.write(t, key, other.read(t, otherKey))
		if kindOf(key) == "pages" || key == "RESTORE.md" {
			return []string{key} // no restore reads them
		}
		return []string{key, "archive.json", "manifests/0000000001.json"}
	}}
}

// kindOf is the first element of a key: the kind of object.
func kindOf(key string) string { return strings.Split(key, "/")[0] }

// checkDamaged expects that verify --deep names one of keys. With refused, restore
// must refuse to do anything, too.
func checkDamaged(t *testing.T, at place, keys []string, refused bool) {
	t.Helper()
	v := gbak(t, "verify", at.address(), "--deep", "--json")
	if v.code != exitDamage {
		t.Fatalf("verify --deep: exit code %d, want %d\nstdout: %s\nstderr: %s", v.code, exitDamage, v.stdout, v.stderr)
	}
	a := v.one(t, "verify")
	named := false
	for _, f := range a.Findings {
		if f.Problem == "" {
			t.Errorf("a finding without a problem: %+v", f)
		}
		named = named || slices.Contains(keys, f.Key)
	}
	if a.OK || !named {
		t.Errorf("verify --deep does not name one of %v: %s", keys, v.stdout)
	}
	if text := gbak(t, "verify", at.address(), "--deep"); text.code != exitDamage || !slices.ContainsFunc(keys, func(key string) bool {
		return strings.Contains(text.stdout+text.stderr, key)
	}) {
		t.Errorf("verify --deep as text: exit code %d, and none of %v is in: %s%s", text.code, keys, text.stdout, text.stderr)
	}

	if !refused {
		return
	}
	target := filepath.Join(t.TempDir(), "restored.grafeo")
	gbak(t, "restore", at.address(), target, "--json").want(t, exitDamage).failure(t)
	for _, left := range names(t, filepath.Dir(target)) {
		if left != ".restored.grafeo.gbak-restore" { // what was whole, for the next one
			t.Errorf("a refused restore left %s", left)
		}
	}
}

// needed reports whether a restore needs one of the objects: it needs no digests of
// pages, which only the next backup believes, and finds its way without archive.json.
func needed(keys []string) bool {
	return slices.ContainsFunc(keys, func(key string) bool { return kindOf(key) != "pages" && key != "archive.json" && key != "RESTORE.md" })
}

// damagedSource is a database whose backup has several segments, an image and a log.
func damagedSource(t testing.TB, seed string) *database {
	t.Helper()
	db := create(t, "0.6.0", "", "--nodes", "400", "--pad", "3000", "--commits", "4")
	db.write(t, "--kill", "--seed", seed, "--commits", "10")
	return db
}

// smallSegments makes a backup of a small database take several segments.
var smallSegments = []string{"--segment-size", "1MiB"}

// TestDamage damages, removes and swaps every kind of object in an archive.
func TestDamage(t *testing.T) {
	t.Parallel()
	whole, other := newDirectory(t), newDirectory(t)
	must(t, append([]string{"backup", damagedSource(t, "1").path, whole.address()}, smallSegments...)...)
	must(t, append([]string{"backup", damagedSource(t, "2").path, other.address()}, smallSegments...)...)

	byKind := map[string][]string{}
	for _, key := range whole.keys(t) {
		byKind[kindOf(key)] = append(byKind[kindOf(key)], key)
	}
	if len(byKind["archive.json"]) != 1 || len(byKind["manifests"]) != 1 || len(byKind["segments"]) < 3 {
		t.Fatalf("this archive is no good for the test: %v", byKind)
	}
	for kind, keys := range byKind {
		// The first and the last of a kind stand for all of them.
		for i, key := range slices.Compact([]string{keys[0], keys[len(keys)-1]}) {
			size := len(whole.read(t, key))
			all := append(flips(key, size, 5), resized(key)...)
			if kind != "manifests" {
				// Without its one manifest this is an archive before its first
				// backup, which nothing in it can show: see TestDamageAmongBackups.
				all = append(all, removed(key))
			}
			if len(keys) > 1 {
				all = append(all, swapped(key, keys[1-i]))
			}
			for otherKind, otherKeys := range byKind {
				if otherKind > kind {
					all = append(all, swapped(key, otherKeys[0]))
				}
			}
			for _, otherKey := range other.keys(t) {
				if kindOf(otherKey) == kind {
					all = append(all, foreign(key, other, otherKey))
					break
				}
			}
			for _, d := range all {
				t.Run(fmt.Sprintf("%s-%d/%s", kind, i, d.name), func(t *testing.T) {
					at := copyArchive(t, whole)
					keys := d.apply(t, at)
					checkDamaged(t, at, keys, needed(keys) || len(keys) > 2) // of another archive
				})
			}
		}
	}
	verifyClean(t, whole, 1)
}

// TestDamageMinIO repeats the plainest damages where objects lie in a real store.
func TestDamageMinIO(t *testing.T) {
	t.Parallel()
	at := newBucket(t)
	must(t, append([]string{"backup", damagedSource(t, "3").path, at.address()}, smallSegments...)...)
	kinds := map[string]bool{}
	for _, key := range at.keys(t) {
		if kinds[kindOf(key)] {
			continue
		}
		kinds[kindOf(key)] = true
		content := at.read(t, key)
		all := flips(key, len(content), 2)
		if kindOf(key) != "manifests" {
			all = append(all, removed(key))
		}
		for _, d := range all {
			t.Run(kindOf(key)+"/"+d.name, func(t *testing.T) {
				defer at.write(t, key, bytes.Clone(content))
				keys := d.apply(t, at)
				checkDamaged(t, at, keys, needed(keys))
			})
		}
	}
	verifyClean(t, at, 1)
}

// TestDamageAmongBackups damages what only several backups have: their order.
func TestDamageAmongBackups(t *testing.T) {
	t.Parallel()
	whole := newDirectory(t)
	db := damagedSource(t, "4")
	must(t, append([]string{"backup", db.path, whole.address(), "--full"}, smallSegments...)...)
	db.write(t, "--kill", "--seed", "5", "--commits", "3")
	must(t, append([]string{"backup", db.path, whole.address(), "--full"}, smallSegments...)...)
	db.write(t, "--kill", "--seed", "6", "--commits", "3")
	must(t, append([]string{"backup", db.path, whole.address(), "--full"}, smallSegments...)...)
	var manifests []string
	for _, key := range whole.keys(t) {
		if kindOf(key) == "manifests" {
			manifests = append(manifests, key)
		}
	}
	if len(manifests) != 3 {
		t.Fatalf("want 3 manifests, there are %v", manifests)
	}
	verifyClean(t, whole, 3)

	tests := []struct {
		damage
		refused bool // by a restore of the newest backup, which needs no earlier one
	}{
		{swapped(manifests[0], manifests[1]), false},
		{swapped(manifests[1], manifests[2]), true},
		{damage{"first-removed", removed(manifests[0]).apply}, false},
		{damage{"middle-removed", removed(manifests[1]).apply}, false},
		{damage{"copied-to-the-end", func(t testing.TB, at place) []string {
			key := strings.Replace(manifests[2], "0000000003", "0000000004", 1)
			at.write(t, key, at.read(t, manifests[2]))
			return []string{key}
		}}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at := copyArchive(t, whole)
			keys := tt.apply(t, at)
			if tt.name == "middle-removed" || tt.name == "first-removed" {
				// The gap shows at the manifest after it, too.
				keys = append(keys, manifests[1], manifests[2])
			}
			checkDamaged(t, at, keys, tt.refused)
		})
	}
}
