package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// An answer, or metrics, never take the place of a database, of a key, or of what an archive consists of.
func TestOutputSpares(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(stateVariable, filepath.Join(dir, "state"))
	database, archive := filepath.Join(dir, "social.grafeo"), filepath.Join(dir, "archive")
	content := read(t, filepath.Join("..", "..", "examples", "social.grafeo"))
	if err := os.WriteFile(database, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if exit := run(t.Context(), []string{"backup", database, archive}, &out, &out); exit != 0 {
		t.Fatal(out.String())
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(database, link); err != nil {
		t.Fatal(err)
	}
	into := filepath.Join(dir, "into")
	if err := os.Symlink(filepath.Join("archive", "archive.json"), into); err != nil {
		t.Fatal(err)
	}
	identity, sealed := filepath.Join(dir, "key.txt"), filepath.Join(dir, "key.age")
	for path, text := range map[string]string{
		identity: "# created: today\n# public key: age1\nAGE-SECRET-KEY-1\n", sealed: "age-encryption.org/v1\n-> scrypt ",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	newer := filepath.Join(dir, "newer.grafeo") // of a version that is not known
	if err := os.WriteFile(newer, []byte(content[:4]+"\x63"+content[5:]), 0o600); err != nil {
		t.Fatal(err)
	}
	document := read(t, filepath.Join(archive, "archive.json"))
	for _, c := range []struct {
		args []string
		why  string
	}{
		{[]string{"list", archive, "-o", newer}, "is a database"},
		{[]string{"backup", database, archive, "--metrics-file", database}, "is a database"},
		{[]string{"verify", archive, "--metrics-file", newer}, "is a database"},
		{[]string{"status", archive, "--metrics-file", into}, "inside the archive"},
		{[]string{"verify", archive, "--metrics-file", dir}, "not an ordinary file"},
		{[]string{"restore", archive, filepath.Join(archive, "x.grafeo")}, "inside the archive"},
		{[]string{"restore", "s3://bucket/people", filepath.Join(archive, "x.grafeo")}, "inside the archive"},
		{[]string{"restore", "s3://bucket/people", archive}, "is an archive, and no database"},
		{[]string{"list", archive, "-o", "json"}, "takes a file, and not a form"},
	} {
		out.Reset()
		if exit := run(t.Context(), c.args, &out, &out); exit != exitUsage || !strings.Contains(out.String(), c.why) {
			t.Errorf("%v: exit %d, %q", c.args, exit, out.String())
		}
	}
	for _, command := range []string{"list", "report", "backup"} {
		for path, why := range map[string]string{
			database: "is a database", link: "is a database", filepath.Join(archive, "archive.json"): "inside the archive", into: "inside the archive",
			filepath.Join(archive, "manifests", "new"): "inside the archive", filepath.Join(dir, "no", "file"): "no folder",
			identity: "has a key", sealed: "has a key",
		} {
			args := []string{command, archive, "-o", path}
			if command == "backup" {
				args = []string{command, database, archive, "-o", path}
			}
			out.Reset()
			if exit := run(t.Context(), args, &out, &out); exit != exitUsage || !strings.Contains(out.String(), why) {
				t.Errorf("%v: exit %d, %q", args, exit, out.String())
			}
		}
	}
	if left, err := filepath.Glob(filepath.Join(archive, "x*")); read(t, newer) != content[:4]+"\x63"+content[5:] || len(left) > 0 || err != nil {
		t.Errorf("something was overwritten, or is in the archive: %v, %v", left, err)
	}
	if read(t, database) != content || read(t, filepath.Join(archive, "archive.json")) != document {
		t.Error("something was overwritten")
	}
}

// What a command has just made is spared, too.
func TestOutputSparesWhatWasMade(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(stateVariable, filepath.Join(dir, "state"))
	database, archive, empty := filepath.Join(dir, "social.grafeo"), filepath.Join(dir, "archive"), filepath.Join(dir, "empty")
	content := read(t, filepath.Join("..", "..", "examples", "social.grafeo")) // a backup writes a hold beside its database
	if err := errors.Join(os.Mkdir(empty, 0o700), os.WriteFile(database, []byte(content), 0o600)); err != nil {
		t.Fatal(err)
	}
	restored, document := filepath.Join(dir, "restored.grafeo"), filepath.Join(empty, "archive.json")
	var out bytes.Buffer
	for _, args := range [][]string{
		{"backup", database, archive},
		{"restore", archive, restored, "-o", restored},
		{"mirror", archive, empty, "-o", document},
	} {
		out.Reset()
		if exit := run(t.Context(), args, &out, &out); exit != 0 {
			t.Fatalf("%v: exit %d, %s", args, exit, out.String())
		}
		if slices.Contains(args, "-o") && !strings.Contains(out.String(), "it is done, but the answer could not be written") {
			t.Errorf("%v: %s", args, out.String())
		}
	}
	if !isDatabaseFile(restored) {
		t.Error("the answer has replaced the restored database")
	}
	if read(t, document) != read(t, filepath.Join(archive, "archive.json")) {
		t.Error("the answer has replaced a document of the mirror")
	}
}
