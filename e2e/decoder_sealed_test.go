package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sealedHistory is an archive with three generations of keys: ada opens all of it, bob nothing
// that came after he was removed, and hosts were revoked then.
func sealedHistory(t *testing.T) (h *host, at directory, ada, bob identity) {
	t.Helper()
	h, at, ada, bob = newHost(t), newDirectory(t), newIdentity(t), newIdentity(t)
	db := create(t, "0.6.0", "--kill", "--commits", "3")
	back := func(args ...string) {
		t.Helper()
		h.must(t, append([]string{"backup", db.path, at.address()}, args...)...)
		db.write(t, "--kill", "--commits", "2")
	}
	asks := passphraseFlags(t, testPassphrase)
	back(append([]string{"-r", ada.recipient, "-r", bob.recipient, "--passphrase"}, asks...)...)
	back()
	h.must(t, "keys", "add", at.address(), "-r", newIdentity(t).recipient, "-i", ada.file)
	back()
	h.must(t, append([]string{"keys", "rotate", at.address(), "-i", ada.file}, asks...)...)
	back("--full")
	h.must(t, append([]string{"keys", "remove", at.address(), "-r", bob.recipient, "--revoke-hosts", "-i", ada.file}, asks...)...)
	h.must(t, "keys", "writer", at.address(), "-i", ada.file)
	back()
	db.write(t, "--kill", "--commits", "1000", "--nodes", "1") // which takes an index of its own
	back()
	return h, at, ada, bob
}

// TestDecoderOpensSealedArchives restores each backup and epoch of an encrypted archive whose
// keys have changed.
func TestDecoderOpensSealedArchives(t *testing.T) {
	t.Parallel()
	h, at, ada, bob := sealedHistory(t)
	restored := func(args ...string) string {
		t.Helper()
		target := filepath.Join(t.TempDir(), "restored.grafeo")
		h.must(t, append([]string{"restore", at.address(), target, "-i", ada.file}, args...)...)
		return target
	}
	backups := h.must(t, "list", at.address(), "--json", "-i", ada.file).answers(t)
	if len(backups) != 6 || backups[5].Seq != 9 {
		t.Fatalf("this archive is no good for the test: %+v", backups)
	}
	for _, b := range backups {
		args := []string{"--backup", fmt.Sprint(b.Seq)}
		decodesTo(t, at, restored(args...), append(args, "-i", ada.file)...)
	}
	for _, args := range [][]string{nil, {"--epoch", fmt.Sprint(backups[1].EndEpoch)}, {"--time", backups[3].CreatedAt}} {
		decodesTo(t, at, restored(args...), append(slices.Clone(args), "-i", ada.file)...)
	}

	// A passphrase is asked for.
	want, target := restored("--backup", "2"), filepath.Join(t.TempDir(), "decoded.grafeo")
	if shown, err := onTerminal(t, python(t, "restore", at.root, target, "--backup", "2", "-p"), testPassphrase); err != nil {
		t.Errorf("with the passphrase: %v %s", err, shown)
	} else if diff := cmp.Diff(filesBelow(t, want), filesBelow(t, target)); diff != "" {
		t.Errorf("with the passphrase: %.500s", diff)
	}

	// Who was removed, somebody else, and nobody.
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"-i", bob.file}, "generation 3 of the keys is not for whoever asks"},
		{[]string{"-i", newIdentity(t).file}, "no keys of the archive open with that"},
		{nil, "the archive is encrypted"},
	} {
		said, ok := decode(t, at, filepath.Join(t.TempDir(), "no", "restored.grafeo"), c.args...)
		if ok || !strings.Contains(said, c.says) {
			t.Errorf("%v: the decoder says %q, %v", c.args, said, ok)
		}
	}
	old := []string{"--backup", "6", "-i", bob.file, "--without", "8", "--without", "9"}
	decodesTo(t, at, restored("--backup", "6"), old...)
}

// TestDecoderFindsDamage damages and removes each object of archives, and exchanges manifests:
// the decoder restores the same as before, or nothing. Only that the newest manifest is gone,
// nothing shows.
func TestDecoderFindsDamage(t *testing.T) {
	t.Parallel()
	_, sealed, ada, _ := sealedHistory(t)
	plain := newDirectory(t)
	db := damagedSource(t, "7")
	must(t, append([]string{"backup", db.path, plain.address()}, smallSegments...)...)
	for range 2 {
		db.write(t, "--kill", "--seed", "9", "--commits", "40", "--pad", "2000")
		must(t, append([]string{"backup", db.path, plain.address()}, smallSegments...)...)
	}
	t.Run("plain", func(t *testing.T) { decoderFindsDamage(t, plain) })
	t.Run("sealed", func(t *testing.T) { decoderFindsDamage(t, sealed, "-i", ada.file) })
}

func decoderFindsDamage(t *testing.T, at directory, flags ...string) {
	whole := filepath.Join(t.TempDir(), "whole", "people.grafeo")
	if said, ok := decode(t, at, whole, flags...); !ok {
		t.Fatal(said)
	}
	want := filesBelow(t, whole)
	refused := map[string]int{}
	keys := at.keys(t)
	isManifest := func(key string) bool { return kindOf(key) == "manifests" }
	manifests := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !isManifest(key) })
	newest := manifests[len(manifests)-1]
	for _, key := range keys {
		content := at.read(t, key)
		flipped := slices.Clone(content)
		flipped[len(flipped)/2] ^= 1
		for how, damaged := range map[string][]byte{"flipped": flipped, "cut off": content[:len(content)/2], "another manifest": at.read(t, "manifests/0000000002.json"), "gone": nil} {
			if how == "another manifest" && (!isManifest(key) || strings.HasSuffix(key, "2.json")) || how == "gone" && key == newest || how == "cut off" && !isManifest(key) {
				continue
			}
			at := copyArchive(t, at)
			if at.write(t, key, damaged); damaged == nil {
				at.remove(t, key)
			}
			target := filepath.Join(t.TempDir(), "damaged", "people.grafeo")
			said, ok := decode(t, at, target, flags...)
			switch {
			case !ok && !strings.Contains(said, key) && how != "another manifest" && how != "gone":
				t.Errorf("%s, %s: the decoder says %q", key, how, said)
			case !ok:
				refused[kindOf(key)]++
				continue
			}
			if diff := cmp.Diff(want, filesBelow(t, target)); diff != "" {
				t.Errorf("%s, %s: restored is something else: %.300s", key, how, diff)
			}
			if err := os.RemoveAll(at.root); err != nil {
				t.Error(err)
			}
		}
	}
	for _, kind := range []string{"archive.json", "manifests", "segments"} { // and of indexes, if there are some
		if refused[kind] == 0 {
			t.Errorf("no damage of %s was found", kind)
		}
	}
}
