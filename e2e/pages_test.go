package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// writePages writes the man pages into a new folder, as the packages do.
func writePages(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "run", "-tags", "man", "./cmd/gbak-s3", "man", dir)
	cmd.Dir, cmd.Env = "..", append(os.Environ(), "SOURCE_DATE_EPOCH=1764000000")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	pages := map[string]string{}
	files, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pages[strings.TrimSuffix(filepath.Base(file), ".1")] = string(b)
	}
	// A page without faults is one about which mandoc says nothing.
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		missing(t, "mandoc is not there")
	}
	if out, err := exec.Command(mandoc, append([]string{"-T", "lint"}, files...)...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
	return pages
}

// TestManPages: there is a complete page for each command, mandoc has nothing to say about
// any, and they are the same each time.
func TestManPages(t *testing.T) {
	t.Parallel()
	pages := writePages(t)
	if diff := cmp.Diff(pages, writePages(t)); diff != "" {
		t.Errorf("a second build differs (-first +second):\n%s", diff)
	}

	// The commands that help shows have pages, and no others.
	want := []string{"gbak-s3"}
	command := regexp.MustCompile(`(?m)^([a-z]+)\t`)
	for _, c := range command.FindAllStringSubmatch(must(t, "__complete", "").stdout, -1) {
		if c[1] == "help" {
			continue
		}
		want = append(want, "gbak-s3-"+c[1])
		if c[1] == "keys" {
			for _, c := range command.FindAllStringSubmatch(must(t, "__complete", "keys", "").stdout, -1) {
				want = append(want, "gbak-s3-keys-"+c[1])
			}
		}
	}
	slices.Sort(want)
	var got []string
	for name := range pages {
		got = append(got, name)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-commands +pages):\n%s", diff)
	}

	sections := regexp.MustCompile(`(?m)^\.SH "([A-Z ]+)"$`)
	for name, text := range pages {
		var there []string
		for _, s := range sections.FindAllStringSubmatch(text, -1) {
			there = append(there, s[1])
		}
		for _, s := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "EXIT STATUS", "ENVIRONMENT", "FILES", "SEE ALSO"} {
			if !slices.Contains(there, s) {
				t.Errorf("%s has no section %s", name, s)
			}
		}
		for _, other := range regexp.MustCompile(`\\fB([a-z0-9\\-]+)\\fR\(1\)`).FindAllStringSubmatch(text, -1) {
			if other := strings.ReplaceAll(other[1], `\`, ""); pages[other] == "" {
				t.Errorf("%s names the page %s, which is not there", name, other)
			}
		}
	}
}
