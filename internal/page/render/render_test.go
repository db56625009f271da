package render_test

import (
	"bytes"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/internal/page"
	"github.com/gbak-s3/gbak-s3/internal/page/render"
)

var (
	update = flag.Bool("update", false, "write the golden files")
	states = flag.String("states", "", "write the whole pages of all scenes into this folder, for a browser")
)

// paint renders a scene: the page of all databases, or the report.
func paint(t *testing.T, s *page.Status) string {
	t.Helper()
	write := render.Report
	if s.IsWatched {
		write = render.Index
	}
	var b bytes.Buffer
	if err := write(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// paintOne renders the page of one database.
func paintOne(t *testing.T, s *page.Status, name string) string {
	t.Helper()
	var b bytes.Buffer
	if err := render.Database(&b, s, name); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var parts = regexp.MustCompile(`(?s)(<style>|<script>).*?(</style>|</script>)|<svg class="unseen".*?</svg>`)

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not as written; it is now\n%s", path, got)
	}
}

// keep writes a whole page for a browser, if that is asked for.
func keep(t *testing.T, name, content string) {
	t.Helper()
	if *states == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(*states, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestPages: each state looks as it was written. Look at a page again before its file is updated.
func TestPages(t *testing.T) {
	t.Parallel()
	for name, s := range scenes() {
		whole := paint(t, s)
		keep(t, name+".html", whole)
		if s.IsWatched && len(s.Databases) > 0 && name != "many" {
			keep(t, name+"-one.html", paintOne(t, s, s.Rows()[0].Name))
		}
		if name != "many" {
			golden(t, name+".html", parts.ReplaceAllString(whole, ""))
		}
	}
	keep(t, "policy.txt", render.Policy())
	golden(t, "database.html", parts.ReplaceAllString(paintOne(t, scenes()["refused"], "shop"), ""))
}

// TestSentences: what each state says at a glance, all in one file, as it matters most.
func TestSentences(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	all := scenes()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		sum := all[name].Summary()
		b.WriteString(name + "\n  " + sum.Level.String() + ": " + sum.String() + "\n  " + sum.Detail + "\n  " + sum.Note + "\n\n")
	}
	golden(t, "sentences.txt", b.String())
}

// TestNoSuchDatabase: nothing is written then.
func TestNoSuchDatabase(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := render.Database(&b, scenes()["safe"], "peo"); !errors.Is(err, render.ErrNoDatabase) || b.Len() > 0 {
		t.Errorf("%v, and %d bytes are written", err, b.Len())
	}
}

// TestSize: style, script and frame are small, and so is each row.
func TestSize(t *testing.T) {
	t.Parallel()
	if n := len(paint(t, scenes()["nothing"])); n > 30<<10 {
		t.Errorf("a page without a database has %d bytes", n)
	}
	if n := len(paint(t, scenes()["many"])); n > 400<<10 {
		t.Errorf("a page with 400 databases has %d bytes", n)
	}
	if n := strings.Count(paint(t, scenes()["many"]), "<li class="); n != 400 {
		t.Errorf("%d of 400 databases are shown", n)
	}
}
