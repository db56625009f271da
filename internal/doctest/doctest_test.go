package doctest_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/internal/doctest"
)

// script runs what a page says in an empty folder, and returns what it has printed.
func script(t *testing.T, text string) (string, error) {
	t.Helper()
	page, err := doctest.Parse("page.md", text)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "-c", page.Script())
	cmd.Dir = t.TempDir()
	cmd.Env = append(cmd.Environ(), "REPO=/repository", "OUT="+t.TempDir())
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestScript: blocks and marks are run in order, by one shell.
func TestScript(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Fatal(err) // it is on every system that has the tests of scripts
	}
	out, err := script(t, strings.ReplaceAll(`
<!-- run: mkdir folder
here=folder
-->

~sh
cd "$here"   # for good
~

<!-- file: a/b.txt -->
~yaml
text: with $dollars, 'quotes' and MARK
~

1. An indented one:

   <!-- MARK stands for $(basename "$PWD") -->
   ~sh
   grep -c MARK a/b.txt || cat a/b.txt
   ~

<!-- exits with 3 -->
~sh
false || exit 3
~

~console
$ echo MARK >&2; word=MARK
MARK
$ echo "$word"
~

~sh
cat "$OUT"/*.got "$OUT"/*.want
~

<!-- in the background -->
~sh
sleep 1000
~
`, "~", "```"))
	want := "0\ntext: with $dollars, 'quotes' and MARK\nfolder\nfolder\nfolder\n"
	var got strings.Builder
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "== page.md:") {
			got.WriteString(line)
		}
	}
	if diff := cmp.Diff(want, got.String()); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
}

// TestScriptStops: a command that fails ends the page, which says where and with what output.
func TestScriptStops(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ page, want string }{
		"shell":           {"```sh\nfalse\necho on\n```", "page.md:1: exit code 1"},
		"pipe":            {"```sh\nfalse | true\n```", "page.md:1: exit code 1"},
		"console":         {"```console\n$ echo said; false\nsaid\n```", "said\npage.md:1: exit code 1"},
		"hidden":          {"\n<!-- run: exit 4 -->", "page.md:2: exit code 4"},
		"another code":    {"<!-- exits with 3 -->\n```sh\nexit 4\n```", "exit code 4, and the page says 3"},
		"no code":         {"<!-- exits with 3 -->\n```sh\ntrue\n```", "exit code 0, and the page says 3"},
		"a first command": {"<!-- exits with 3 -->\n```sh\nfalse\nexit 3\n```", "exit code 1, and the page says 3"},
	} {
		out, err := script(t, c.page)
		if err == nil || !strings.Contains(out, c.want) || strings.Contains(out, "on\n") && name == "shell" {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

// TestMarks: blocks that are not run are known, with the reason.
func TestMarks(t *testing.T) {
	t.Parallel()
	page, err := doctest.Parse("page.md", "<!-- run by: scripts/x.sh -->\n<!-- needs: grafeo locks -->\n\n<!-- not run: it takes root -->\n```sh\nx\n```\n<!-- run by: y.go -->\n\n```console\n$ y\n```\n```text\nz\n```\n")
	want := &doctest.Page{
		Name: "page.md", RunBy: "scripts/x.sh", Needs: []string{"grafeo", "locks"},
		Marks: []doctest.Mark{{Line: 5, Why: "it takes root"}, {Line: 10, RunBy: "y.go"}},
	}
	if diff := cmp.Diff(want, page); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
}

// TestMistakes: nothing of a page is left out by mistake.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for page, want := range map[string]string{
		"```\ngbak-s3 list\n```":                     "page.md:1: the block needs a language",
		"```bash\nx\n```":                            "page.md:1: the language of shell code is sh",
		"text\n```sh\nx\n":                           "page.md:2: the block has no end",
		"<!-- not run: -->\n```sh\nx\n```":           "page.md:1: no such mark",
		"<!-- notrun: why -->\n```sh\nx\n```":        "page.md:1: no such mark",
		"<!-- not run: why -->\ntext\n":              "page.md:1: no block follows",
		"<!-- file: a -->":                           "page.md:1: no block follows",
		"<!-- file: ../a -->\n```yaml\nx\n```":       "page.md:2: the file would be outside",
		"<!-- file: /etc/a -->\n```yaml\nx\n```":     "page.md:2: the file would be outside",
		"<!-- exits with 3 -->\n```yaml\nx\n```":     "page.md:2: a mark of shell code before yaml",
		"<!-- run: x":                                "page.md:1: the comment has no end",
		"<!-- run: x --> y":                          "page.md:1: a mark has a line of its own",
		"```console\nx\n```":                         "page.md:1: a console block begins with a command",
		"````text\n```sh\n````\n```\n```\n":          "page.md:4: the block needs a language",
		"- a list\n\n  ```\n  gbak-s3 list\n  ```\n": "page.md:3: the block needs a language",
	} {
		if _, err := doctest.Parse("page.md", page); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", page, err, want)
		}
	}
}
