package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

// putBack makes the objects of an archive those that are given.
func putBack(t testing.TB, at place, objects map[string][]byte) {
	t.Helper()
	for _, key := range at.keys(t) {
		at.remove(t, key)
	}
	for key, content := range objects {
		at.write(t, key, content)
	}
}

// TestSealedArchiveIsSetBack sets a sealed archive back to each state that it has had, as
// whoever writes to the bucket can: the host that has seen more says so, and stores
// nothing.
func TestSealedArchiveIsSetBack(t *testing.T) {
	t.Parallel()
	h, at, id := newHost(t), newDirectory(t), newIdentity(t)
	db := damagedSource(t, "9")
	var states []map[string][]byte
	for i := range 5 {
		args := []string{"backup", db.path, at.address(), "-r", id.recipient}
		if i == 2 {
			args = append(args, "--full")
		}
		h.must(t, args...)
		states = append(states, objectsIn(t, at))
		db.write(t, "--kill", "--seed", fmt.Sprint(20+i), "--commits", "2")
	}
	for i, objects := range states[:4] {
		putBack(t, at, objects)
		for _, args := range [][]string{
			{"backup", db.path, at.address()},
			{"backup", db.path, at.address(), "--full"},
			{"list", at.address()},
			{"status", at.address()},
			{"verify", at.address()},
			{"restore", at.address(), filepath.Join(t.TempDir(), "restored.grafeo"), "-i", id.file},
			{"expire", at.address(), "--keep-last", "1", "--apply"},
			{"pin", at.address(), "1"},
		} {
			code := exitDamage
			if args[0] == "list" || args[0] == "restore" {
				code = exitOK // what is left is shown and restored, with a warning
			}
			if r := h.gbak(t, args...); r.code != code || !strings.Contains(r.stderr, "rolled back") {
				t.Errorf("set back to %d: %v ends with %d: %s%s", i+1, args, r.code, r.stdout, r.stderr)
			}
			if !maps.EqualFunc(objects, objectsIn(t, at), bytes.Equal) {
				t.Errorf("set back to %d: %v has changed it", i+1, args)
				putBack(t, at, objects)
			}
		}
		// Somebody who has seen no more than that is served as ever.
		newHost(t).must(t, "restore", at.address(), filepath.Join(t.TempDir(), "restored.grafeo"), "-i", id.file)
	}
	putBack(t, at, states[4])
	h.must(t, "verify", "--deep", at.address(), "-i", id.file)
	h.must(t, "backup", db.path, at.address())
}
