package archiver_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// found demands that what was changed is found and named, by whoever has an identity or the
// writer key, by turns; and that nobody restores anything else than was backed up.
func (v *vault) found(t *testing.T, what string, change map[string][]byte) {
	t.Helper()
	objects, keys := v.tampered(change), slices.Collect(maps.Keys(change))
	turn := v.turn.Add(1)
	given := []archiver.Keys{v.reader(), v.both(), v.host()}[turn%3]
	isHost := turn%3 == 2
	r, err := with(refill(t, objects), given).Verify(t.Context(), archiver.VerifyOptions{Deep: !isHost})
	isNamed := slices.ContainsFunc(keys, func(key string) bool { return names(r.Findings, key) })
	isRead := slices.ContainsFunc(keys, func(key string) bool {
		return kindOf(key) == "manifests" || kindOf(key) == "indexes" || key == manifest.ArchiveKey
	})
	switch code := archiver.CodeOf(err); {
	case err == nil && isNamed, err != nil && isAbout(err, keys):
	case err == nil && isHost && !isRead: // a deep verification reads the others, and that wants an identity
	case slices.Contains(keys, manifest.ArchiveKey) && (code == archiver.CodeKeyWrong || code == archiver.CodeKeyMissing):
		// It may be another archive's, or its wraps are what was changed: no key opens that could tell.
	case code == archiver.CodeUnsupported && strings.HasPrefix(what, "m.encryption.scheme"): // it may be that of a newer version
		if !strings.Contains(err.Error(), manifest.ArchiveKey) {
			t.Errorf("%s: it is not named: %v", what, err)
		}
		return
	default:
		t.Errorf("%v %s, with keys %d: verify: %s %v, found %v", keys, what, turn%3, code, err, r.Findings)
	}
	v.restore(t, objects, v.both(), []uint64{1, 3, 7}[turn/3%3], keys)
}

// counting returns the keys of the objects that count: of keeps, only the newest does.
func (v *vault) counting() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(v.objects)), func(key string) bool { return key == manifest.Seq(olderKeep).Key() })
}

// TestTamperedBytes flips bits everywhere in each object, and cuts, extends, doubles, removes
// and swaps them.
func TestTamperedBytes(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	for _, key := range v.counting() {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := v.objects[key]
				random := rand.New(rand.NewPCG(7, uint64(len(b))))
				flips := []int{0, 1, len(b) - 1, len(b) - 2}
				for range 24 {
					flips = append(flips, random.IntN(len(b)))
				}
				for n, at := range flips {
					if isLeftOut(n) {
						continue
					}
					changed := bytes.Clone(b)
					changed[at] ^= 1 << random.IntN(8)
					v.found(t, fmt.Sprintf("with a bit flipped at %d of %d", at, len(b)), map[string][]byte{key: changed})
				}
				for what, changed := range map[string][]byte{
					"cut by a byte": b[:len(b)-1], "cut in half": b[:len(b)/2], "emptied": {}, "zeroed": make([]byte, len(b)),
					"a byte longer": append(bytes.Clone(b), 0), "a line longer": append(bytes.Clone(b), '\n'),
					"twice as long": slices.Repeat(b, 2), "without its first byte": b[1:], "removed": nil,
				} {
					if isNewest := key == manifest.Seq(7).Key(); changed == nil && (isNewest || kindOf(key) == "fences") {
						continue // that a newest manifest is gone is for the pins, and a fence says nothing to readers
					}
					v.found(t, what, map[string][]byte{key: changed})
				}
				kinds := map[string]bool{}
				for _, other := range slices.Sorted(maps.Keys(v.objects)) {
					if c := v.objects[other]; other != key && !kinds[kindOf(other)] && !bytes.Equal(b, c) {
						kinds[kindOf(other)] = true
						v.found(t, "swapped with "+other, map[string][]byte{key: c, other: b})
					}
				}
			})
		})
	}
}

// lines returns the two lines of a document.
func lines(b []byte) (line, seal document) {
	first, second, _ := bytes.Cut(b, []byte("\n"))
	_ = json.Unmarshal(first, &line)
	_ = json.Unmarshal(second, &seal)
	return line, seal
}

// resealed returns a document with this first line, a digest that is right, and a MAC; none
// if that is nil.
func resealed(t testing.TB, line document, mac any) []byte {
	t.Helper()
	first, err := json.Marshal(line)
	if err != nil {
		t.Fatal(err)
	}
	return withSeal(t, append(first, '\n'), mac)
}

func withSeal(t testing.TB, first []byte, mac any) []byte {
	t.Helper()
	if mac == nil {
		return fmt.Appendf(bytes.Clone(first), "{\"sha256\":\"%s\"}\n", manifest.Sum(first))
	}
	text, err := json.Marshal(mac)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(bytes.Clone(first), "{\"sha256\":\"%s\",\"mac\":%s}\n", manifest.Sum(first), text)
}

// TestTamperedFields changes each field of each document that may be read without a key, as
// somebody does who knows the format: with a digest that is right. Then it tampers with the MACs.
func TestTamperedFields(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	for _, key := range v.counting() {
		if kind := kindOf(key); kind != manifest.ArchiveKey && kind != "manifests" && kind != "fences" {
			continue
		}
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := v.objects[key]
				_, seal := lines(b)
				if seal["mac"] == nil {
					t.Fatalf("it has no MAC: %q", b)
				}
				changes := 1
				for n := 0; n < changes; n++ {
					if n > 0 && isLeftOut(n) {
						continue
					}
					doc := jsonOf(t, b)
					all := changesOf("m", doc, func(any) {})
					changes = len(all)
					all[n].apply()
					v.found(t, all[n].where, map[string][]byte{key: resealed(t, doc, seal["mac"])})
				}
				first := b[:bytes.IndexByte(b, '\n')+1]
				mac := seal["mac"].(string)
				_, other := lines(v.objects[manifest.Seq(4).Key()])
				if key == manifest.Seq(4).Key() {
					_, other = lines(v.objects[manifest.ArchiveKey])
				}
				for what, changed := range map[string]any{
					"no MAC": nil, "an empty MAC": "", "a MAC of zeros": strings.Repeat("0", 64), "half a MAC": mac[:32],
					"another's MAC": other["mac"], "its MAC twice": mac + mac, "its digest as a MAC": manifest.Sum(first).String(),
					"its MAC in capitals": strings.ToUpper(mac), "a number for a MAC": 1,
				} {
					v.found(t, "with "+what, map[string][]byte{key: withSeal(t, first, changed)})
				}
				v.found(t, "with a field more behind its MAC", map[string][]byte{key: append(slices.Clip(bytes.TrimSuffix(b, []byte("}\n"))), `,"x":1}`+"\n"...)})
			})
		})
	}
}

// TestTransplants puts parts of records into others, and records, objects and whole archives
// of other people in the place of those that are there.
func TestTransplants(t *testing.T) {
	t.Parallel()
	v, other := newVault(t), newVault(t)
	synctest.Test(t, func(t *testing.T) {
		for seq := manifest.Seq(1); seq <= 7; seq++ {
			if seq == olderKeep {
				continue
			}
			line, seal := lines(v.objects[seq.Key()])
			for from := manifest.Seq(1); from <= 7; from++ {
				if from == seq {
					continue
				}
				donor, _ := lines(v.objects[from.Key()])
				mixed := maps.Clone(line)
				mixed["sealed"] = donor["sealed"]
				v.found(t, fmt.Sprintf("with the sealed part of %d", from), map[string][]byte{seq.Key(): resealed(t, mixed, seal["mac"])})
				v.found(t, fmt.Sprintf("as a copy of %d", from), map[string][]byte{seq.Key(): v.objects[from.Key()]})
			}
			v.found(t, "from another archive", map[string][]byte{seq.Key(): other.objects[seq.Key()]})
		}
		// All of one kind from the other archive. Names contain digests, so segments have others there.
		change := map[string][]byte{}
		for seq := manifest.Seq(1); seq <= 7; seq++ {
			change[seq.Key()] = other.objects[seq.Key()]
		}
		v.found(t, "all from another archive", change)
		v.found(t, "from another archive", map[string][]byte{manifest.ArchiveKey: other.objects[manifest.ArchiveKey]})

		// The whole of it: no key opens it, and that is not damage.
		for who, keys := range map[string]archiver.Keys{"an identity": v.reader(), "the writer key": v.host(), "both": v.both()} {
			_, err := with(refill(t, other.objects), keys).List(t.Context())
			if code := archiver.CodeOf(err); code != archiver.CodeKeyWrong && code != archiver.CodeKeyMissing {
				t.Errorf("another archive, with %s: %s %v", who, code, err)
			}
		}
	})
}
