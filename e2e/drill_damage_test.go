package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// drillOfDamage says what a drill does when an object is damaged or gone.
type drillOfDamage struct {
	key     string // the beginning of it; the last one counts
	removed bool
	code    int    // of the drill
	failed  string // check that fails, "" for none
	notices string // what notices it, if the drill does not fail
}

const (
	verifyDeep = "verify --deep"
	warning    = "a warning of the drill" // and of all else that reads it
	nothing    = "nothing"                // whether there was one, nobody knows
)

// TestDrillsFindRot: a drill that needs an object says when it is damaged or gone, with exit code
// 3 and a certificate of the failure. What it does not need is found by a deep verification.
func TestDrillsFindRot(t *testing.T) {
	t.Parallel()
	identity := filepath.Join(t.TempDir(), "me.key")
	recipient := must(t, "keys", "new", "-o", identity, "--json").one(t, "identity").Recipient
	for _, isSealed := range []bool{false, true} {
		name, keys, backup := "plain", []string(nil), []string(nil)
		if isSealed {
			name, keys, backup = "encrypted", []string{"-i", identity}, []string{"-r", recipient}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole, db := newDirectory(t), damagedSource(t, "1")
			// So many commits that there is an index of its own.
			if _, err := node(t.Context(), db.version, "gen.js", db.path, "--kill", "--commits", "900", "--nodes", "1"); err != nil {
				t.Fatal(err)
			}
			must(t, slices.Concat([]string{"backup", db.path, whole.address()}, smallSegments, backup)...)
			db.write(t, "--kill", "--commits", "1", "--nodes", "2")
			must(t, "backup", db.path, whole.address())
			check := func(at place) []string {
				return append([]string{at.address(), "--exec", "sh -c 'echo \"digest: v1:aa\"' {}"}, keys...)
			}
			drill(t, exitOK, check(whole)...).is(t, "ok", "ok", "ok", "pinned")
			verify := func(at place) result {
				return gbak(t, append([]string{"verify", at.address(), "--deep", "--json"}, keys...)...)
			}
			verify(whole).want(t, exitOK)

			for _, c := range []drillOfDamage{
				{"manifests/0000000001", false, exitDamage, "bytes", verifyDeep},
				{"manifests/0000000002", false, exitDamage, "bytes", verifyDeep}, // its content is inline
				{"manifests/0000000001", true, exitDamage, "bytes", verifyDeep},
				{"indexes/", false, exitDamage, "bytes", verifyDeep},
				{"indexes/", true, exitDamage, "bytes", verifyDeep},
				{"segments/", false, exitDamage, "bytes", verifyDeep},
				{"segments/", true, exitDamage, "bytes", verifyDeep},
				{"digests/", false, exitDamage, "digest", nothing}, // but drills of this state
				{"digests/", true, exitOK, "", nothing},            // it is pinned again
				{"certificates/", false, exitOK, "", warning},
				{"certificates/", true, exitOK, "", nothing},
				{"archive.json", false, exitOK, "", verifyDeep},
				{"archive.json", true, exitOK, "", verifyDeep},
				{"RESTORE.md", false, exitOK, "", verifyDeep},
				{"RESTORE.md", true, exitOK, "", verifyDeep},
				{"pages/", false, exitOK, "", verifyDeep},
				{"pages/", true, exitOK, "", verifyDeep},
			} {
				t.Run(fmt.Sprintf("%s/%v", strings.TrimSuffix(c.key, "/"), c.removed), func(t *testing.T) {
					c.try(t, whole, isSealed, check, verify)
				})
			}
		})
	}
}

func (c *drillOfDamage) try(t *testing.T, whole directory, isSealed bool, check func(place) []string, verify func(place) result) {
	at := copyArchive(t, whole)
	key := ""
	for _, k := range at.keys(t) {
		if strings.HasPrefix(k, c.key) {
			key = k
		}
	}
	if key == "" {
		t.Fatalf("this archive has no %s", c.key)
	}
	if c.removed {
		at.remove(t, key)
	} else {
		b := bytes.Clone(at.read(t, key))
		b[len(b)/2] ^= 0x10
		at.write(t, key, b)
	}
	before := at.keys(t)
	d := drill(t, c.code, check(at)...)
	if c.failed != "" && d.Checks[c.failed].Result != "failed" {
		t.Errorf("%+v, and %s should have failed", d, c.failed)
	}
	if d.Certificate == "" || slices.Contains(before, d.Certificate) || !slices.Contains(at.keys(t), d.Certificate) {
		t.Errorf("there is no certificate: %+v", d)
	}
	if !isSealed {
		if said := certificateIn(t, at, d.Certificate); said.OK != (c.code == exitOK) || said.Why != d.Why {
			t.Errorf("the certificate says %+v", said)
		}
	}
	if found := verify(at); (found.code == exitDamage) != (c.notices == verifyDeep) || c.notices == verifyDeep && !strings.Contains(found.stdout, key) {
		t.Errorf("verify --deep: exit code %d: %s%s", found.code, found.stdout, found.stderr)
	}
	if c.notices == warning && !strings.Contains(d.stderr, key) {
		t.Errorf("the drill warns: %q", d.stderr)
	}
	if c.code == exitDamage && c.failed == "bytes" && !strings.Contains(d.Why, key) {
		t.Errorf("%q does not name %s", d.Why, key)
	}
}

// TestDrillNamesNoSecret: what a command prints of its environment, and the command itself, are not in the
// certificate.
func TestDrillNamesNoSecret(t *testing.T) {
	t.Parallel()
	at, db := newDirectory(t), filepath.Join(t.TempDir(), "db.grafeo")
	copyFile(t, "../examples/social.grafeo", db)
	must(t, "backup", db, at.address())
	const secret = "hunter2-in-the-command"
	d := drill(t, exitOK, at.address(), "--exec", "sh -c 'echo "+secret+"; echo \"digest: v1:aa\"' {}")
	for _, key := range at.keys(t) {
		if b := at.read(t, key); bytes.Contains(b, []byte(secret)) {
			t.Errorf("%s has it", key)
		}
	}
	if _, err := os.Stat(filepath.Join(at.root, d.Certificate)); err != nil {
		t.Error(err)
	}
}
