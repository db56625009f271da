package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Each row of a table has a cell for each column, whatever is missing.
func TestTable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := output{stdout: &out, csv: &table{}}
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for _, line := range []backupLine{
		{Type: "backup", Seq: 1, CreatedAt: at, Database: "a \"b\",\tc", Labels: map[string]string{"release": "1.4"}},
		{Type: "backup", Seq: 2, CreatedAt: at, EndTime: &at, Replaces: &replacedLine{1, 2}, Removed: true},
	} {
		if err := o.printJSON(line); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := csv.NewReader(&out).ReadAll() // refuses rows of different lengths
	if err != nil || len(rows) != 3 {
		t.Fatalf("%v: %v", err, rows)
	}
	got := make([]map[string]string, 2)
	for i := range got {
		got[i] = map[string]string{}
		for j, name := range rows[0] {
			if strings.Contains("seq|created_at|database|labels|end_time|replaces.from|replaces.to|removed|requests.put", name) {
				got[i][name] = rows[i+1][j]
			}
		}
	}
	want := []map[string]string{
		{
			"seq": "1", "created_at": "2026-11-26T12:00:00Z", "database": "a \"b\",\uFFFDc", "labels": `{"release":"1.4"}`,
			"end_time": "", "replaces.from": "", "replaces.to": "", "removed": "false", "requests.put": "",
		},
		{
			"seq": "2", "created_at": "2026-11-26T12:00:00Z", "database": "", "labels": "",
			"end_time": "2026-11-26T12:00:00Z", "replaces.from": "1", "replaces.to": "2", "removed": "true", "requests.put": "",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := o.printJSON(versionLine{}); err == nil {
		t.Error("another kind of line got into the table")
	}
}

// A cell of a table is what a spreadsheet shows, and does not run, whatever others have written into an
// archive; a terminal that it is shown on obeys nothing; and numbers are what they are.
func TestTableIsHarmless(t *testing.T) {
	t.Parallel()
	for value, want := range map[any]string{
		"people.grafeo": "people.grafeo", "a-b=c+d@e; f": "a-b=c+d@e; f", `say "hi", twice`: `say "hi", twice`, "": "",
		`=HYPERLINK("http://x")`: `'=HYPERLINK("http://x")`, "+1": "'+1", "-2+3": "'-2+3", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "＝1": "'＝1",
		"a;=1": "a;'=1", "\t=1": "\uFFFD=1", "a\r\n=1": "a\uFFFD\uFFFD=1", "\x1b[2Jx": "\uFFFD[2Jx", "人々": "人々",
		-1: "-1", int64(-90): "-90", -0.5: "-0.5", 1e21: "1e+21", true: "true",
	} {
		if got, err := cell(reflect.ValueOf(value)); err != nil || got != want {
			t.Errorf("%v: %q, want %q (%v)", value, got, want, err)
		}
	}
	var out bytes.Buffer
	o := output{stdout: &out, csv: &table{}}
	if err := o.printJSON(backupLine{Host: "a\n=b", Labels: map[string]string{"=c": ";=d"}}); err != nil {
		t.Fatal(err)
	}
	if strings.Count(out.String(), "\n") != 2 || !strings.Contains(out.String(), "a\uFFFD=b") || !strings.Contains(out.String(), ";'=d") {
		t.Errorf("%q", out.String())
	}
}

// An answer in a file is there as a whole, and what was there before stays if there is none.
func TestOutputFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "answer")
	if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) (int, string, string) {
		var stdout, stderr bytes.Buffer
		exit := run(t.Context(), args, &stdout, &stderr)
		return exit, stdout.String(), stderr.String()
	}
	if exit, stdout, _ := command("list", filepath.Join(dir, "nothing"), "-o", path); exit != exitNoArchive || stdout != "" || read(t, path) != "before" {
		t.Errorf("exit %d, %q, %q", exit, stdout, read(t, path))
	}
	if exit, stdout, stderr := command("version", "--format", "json", "-o", path); exit != 0 || stdout+stderr != "" || !strings.HasPrefix(read(t, path), `{"type":"version"`) {
		t.Errorf("exit %d, %q, %q", exit, stdout, read(t, path))
	}
	if exit, stdout, _ := command("version", "-o", "-"); exit != 0 || !strings.HasPrefix(stdout, "gbak-s3 ") {
		t.Errorf("exit %d, %q", exit, stdout)
	}
	if exit, _, stderr := command("version", "-o", filepath.Join(dir, "no", "folder")); exit != exitUsage {
		t.Errorf("exit %d, %q", exit, stderr)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("answer", link); err != nil {
		t.Fatal(err)
	}
	if exit, _, stderr := command("version", "-o", link); exit != 0 || !strings.HasPrefix(read(t, path), "gbak-s3 ") {
		t.Errorf("exit %d, %q, %q", exit, stderr, read(t, path))
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it now: %v, %v", info.Mode(), err)
	}
	if exit, _, stderr := command("version", "-o", dir); exit != exitUsage || !strings.Contains(stderr, "is a folder") {
		t.Errorf("exit %d, %q", exit, stderr)
	}
	if exit, _, stderr := command("version", "-o", nowhere(t, dir)); exit != exitError || !strings.Contains(stderr, "could not be written") || strings.Count(stderr, "\n") != 2 {
		t.Errorf("exit %d, %q", exit, stderr)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 3 {
		t.Errorf("%v, %v", left, err)
	}
}

// nowhere returns a path that looks as if it could be written to: a link that leads nowhere.
func nowhere(t *testing.T, dir string) string {
	t.Helper()
	link := filepath.Join(dir, "nowhere")
	if err := os.Symlink(filepath.Join("no", "folder"), link); err != nil {
		t.Fatal(err)
	}
	return link
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Formats that contradict each other, that there are not, and that a command does not have.
func TestFormats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args  string
		exit  int
		wants string
	}{
		{"version --format table", 0, "gbak-s3 "},
		{"version --format auto", 0, `{"type":"version"`},
		{"version --json --format json", 0, `{"type":"version"`},
		{"version --json --format text", exitUsage, "cannot be used together"},
		{"version --format xml", exitUsage, "text, json, csv or auto"},
		{"version --format csv", exitUsage, "list and status"},
		{"watch --config x -o y", exitUsage, "> FILE"},
		{"nonsense --format=json", exitUsage, `"code":"usage"`},
		{"nonsense --format json", exitUsage, `"code":"usage"`},
		{"watch a b -- x --json", exitUsage, "gbak-s3: "},
	} {
		var out bytes.Buffer
		if exit := run(t.Context(), strings.Fields(c.args), &out, &out); exit != c.exit || !strings.Contains(out.String(), c.wants) {
			t.Errorf("%s: exit %d, %q", c.args, exit, out.String())
		}
	}
}

// A quiet command prints nothing if what it was to do went well. What is wrong it prints, and
// what was asked for.
func TestQuiet(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(stateVariable, filepath.Join(dir, "state"))
	database, archive := filepath.Join(dir, "social.grafeo"), filepath.Join(dir, "archive")
	content := read(t, filepath.Join("..", "..", "examples", "social.grafeo"))
	if err := os.WriteFile(database, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	quiet := func(exit int, wants string, args ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if got := run(t.Context(), append(args, "-q"), &stdout, &stderr); got != exit || stderr.Len() > 0 ||
			wants == "" && stdout.Len() > 0 || !strings.Contains(stdout.String(), wants) {
			t.Errorf("%v: exit %d, %q, %q; want %d, %q", args, got, stdout.String(), stderr.String(), exit, wants)
		}
	}
	quiet(0, "would", "backup", "--dry-run", database, archive)
	quiet(0, "", "backup", database, archive)
	quiet(0, `{"type":"backup"`, "backup", database, archive, "--json")
	quiet(0, "social.grafeo", "list", archive)
	quiet(0, "", "verify", archive)
	quiet(0, "there is nothing to do", "expire", archive, "--keep-last", "1")
	quiet(0, "nothing to merge", "compact", archive)
	quiet(0, "", "compact", archive, "--apply")
	quiet(0, "", "pin", archive, "1")
	quiet(0, "", "restore", archive, filepath.Join(dir, "copy.grafeo"))
	var stderr bytes.Buffer // what is done is done, whether or not that can be written
	if exit := run(t.Context(), []string{"backup", "--full", database, archive, "-o", nowhere(t, dir)}, &stderr, &stderr); exit != 0 || !strings.HasPrefix(stderr.String(), "gbak-s3: it is done, but") {
		t.Errorf("exit %d, %q", exit, stderr.String())
	}
	segments, err := filepath.Glob(filepath.Join(archive, "segments", "*", "*"))
	if err != nil || len(segments) == 0 {
		segments, err = filepath.Glob(filepath.Join(archive, "segments", "*"))
	}
	if err != nil || len(segments) == 0 || os.RemoveAll(segments[0]) != nil {
		t.Fatalf("%v, %v", segments, err)
	}
	quiet(exitDamage, "1 problem", "verify", archive)
	stderr.Reset() // nobody may take damage for silence
	if exit := run(t.Context(), []string{"verify", archive, "-o", filepath.Join(dir, "nowhere")}, &stderr, &stderr); exit != exitDamage || !strings.HasPrefix(stderr.String(), "gbak-s3: there is bad news, but it could not be written") {
		t.Errorf("exit %d, %q", exit, stderr.String())
	}
}

// An answer to /dev/stdout takes nothing from a log that stdout is appended to.
func TestOutputToOpenFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := writeWhole(fmt.Sprintf("/dev/fd/%d", f.Fd()), []byte("answer\n")); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); got != "before\nanswer\n" {
		t.Errorf("the log is %q", got)
	}
}
