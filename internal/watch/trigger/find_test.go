package trigger

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

const start06, start05 = "GRAF\x03\x00\x00\x00", "GRAF\x01\x00\x00\x00"

// TestFind makes a folder with all that may be there, and looks for databases.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.grafeo":                       start06,
		"b.grafeo":                       start05,
		"b.grafeo.checkpoint":            start05,
		"deep/er/c.grafeo":               start06,
		"deep/no-suffix":                 start06,
		"server/people/data.grafeo":      start06,
		"server/people/copy.grafeo":      start06,
		"server/older/grafeo.db":         start05,
		"server/two/data.grafeo":         start06,
		"server/two/grafeo.db":           start05,
		"server/shop.grafeo":             start05,
		"server/shop/data.grafeo":        start06,
		"data.grafeo":                    start06,
		"empty.grafeo":                   "",
		"new.grafeo.creating":            start06,
		"old.grafeo.pre-0.6":             start05,
		"old.grafeo.migrating":           start06,
		".hidden.grafeo":                 start06,
		".folder/d.grafeo":               start06,
		"a.grafeo.before-restore-2026":   start06,
		"a.grafeo.wal/e.grafeo":          start06,
		"a.grafeo.spill/f.grafeo":        start06,
		"readme.grafeo":                  "not a database",
		"later.grafeo":                   "GRAF\x09\x00\x00\x00",
		"x.before-restore-2026/g.grafeo": start06,
		"lost+found/h.grafeo":            start06,

		"gbak-drill-0123456789abcdef0123456789abcdef/a.grafeo": start06,
	} {
		write(t, filepath.Join(dir, filepath.FromSlash(name)), text)
	}
	write(t, filepath.Join(dir, "directory", "wal", grafeo.LogName(grafeo.Gen05, 0)), "log")
	if err := os.Symlink(filepath.Join(dir, "a.grafeo"), filepath.Join(dir, "link.grafeo")); err != nil {
		t.Fatal(err)
	}
	finder := NewFinder()
	for pattern, want := range map[string][]string{
		"": {
			"a", "b", "data", "deep/er/c", "deep/no-suffix", "directory", "server/older", "server/people/copy", "server/people",
			"server/shop/data", "server/shop", "server/two/data", "server/two/grafeo.db",
		},
		"*.grafeo":     {"a", "b", "data", "deep/er/c", "server/people/copy", "server/people", "server/shop/data", "server/shop", "server/two/data"},
		"deep/*":       {"deep/no-suffix"},
		"*/*/*.grafeo": {"deep/er/c", "server/people/copy", "server/people", "server/shop/data", "server/two/data"},
	} {
		found, err := finder.Find(dir, pattern)
		for _, name := range []string{"readme.grafeo", "later.grafeo"} { // which look as if they were databases
			if isSeen := matches(pattern, name); isSeen != (err != nil && strings.Contains(err.Error(), filepath.Join(dir, name))) {
				t.Errorf("pattern %q: the error is %v", pattern, err)
			}
		}
		if err != nil && strings.Contains(err.Error(), "empty.grafeo") {
			t.Error(err)
		}
		var got []string
		for _, f := range found {
			got = append(got, f.Name)
			if f.Path != filepath.Join(dir, filepath.FromSlash(f.Name)) && f.Path != filepath.Join(dir, filepath.FromSlash(f.Name)+".grafeo") {
				t.Errorf("%s is at %s", f.Name, f.Path)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pattern %q: %s", pattern, diff)
		}
	}
}

// TestFindNothing: a folder that is not there, or is none, is an error, as what cannot be seen is not
// absent.
func TestFindNothing(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "a.grafeo"), filepath.Join(dir, "link")
	write(t, file, "GRAF\x03\x00\x00\x00")
	if err := os.Symlink("no", link); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{filepath.Join(dir, "no"), file, link, ""} {
		if found, err := NewFinder().Find(folder, ""); err == nil {
			t.Errorf("%q: found %v", folder, found)
		}
	}
}

// TestFindThroughLink: the folder itself may be a link, as where a volume is mounted elsewhere.
func TestFindThroughLink(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "volume", "deep", "a.grafeo"), "GRAF\x03\x00\x00\x00")
	link := filepath.Join(dir, "link")
	if err := os.Symlink("volume", link); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{link, link + "/", filepath.Join(dir, "volume")} {
		found, err := NewFinder().Find(folder, "")
		if want := []Found{{Path: filepath.Join(folder, "deep", "a.grafeo"), Name: "deep/a"}}; err != nil || cmp.Diff(want, found) != "" {
			t.Errorf("%s: found %v, %v", folder, found, err)
		}
	}
}

// TestID8: the digits tell databases apart, in both generations.
func TestID8(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.grafeo")
	if err := grafeotest.Image06(path, grafeotest.Image06Options{ID: [16]byte{0xab, 1, 2, 3}}); err != nil {
		t.Fatal(err)
	}
	got, err := ID8(path)
	if err != nil {
		t.Fatal(err)
	}
	if image, err := grafeo.ReadDatabase(path); err != nil || len(got) != 8 || !strings.HasPrefix(image.DatabaseID, got) {
		t.Errorf("the digits of %+v are %q: %v", image, got, err)
	}
	a, b := id8("created-1764140000000"), id8("created-1764140000001")
	if a == b || len(a) != 8 || len(b) != 8 {
		t.Errorf("two databases have the digits %q and %q", a, b)
	}
}

// TestFindAgain: a file that has become a database is found, and one that is none any
// more is not; what has gone is forgotten.
func TestFindAgain(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	finder := NewFinder()
	check := func(want ...string) {
		t.Helper()
		for range 2 {
			found, err := finder.Find(dir, "")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range found {
				got = append(got, f.Name)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
	}
	write(t, a, "not yet")
	write(t, b, start06)
	check("b")
	remove(t, a)
	write(t, a, start05)
	check("a", "b")
	if err := os.Rename(a, b); err != nil {
		t.Fatal(err)
	}
	check("b")
	remove(t, b)
	write(t, b, "no longer one")
	check()
	remove(t, b)
	check()
	if len(finder.seen) != 0 {
		t.Errorf("it remembers %v", finder.seen)
	}
}
