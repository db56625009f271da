package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What may be meant as an address is never taken for a path, wherever addresses are given; and
// what is wrong with it is said without what may be secret in it.
func TestAddresses(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll(filepath.Join("of:2026", "people"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join("s3:", "people"), 0o700); err != nil {
		t.Fatal(err)
	}
	for address, hint := range map[string]string{
		"people": "", "./s3:/people": "", "/mnt/a:b": "", `C:\archives`: "", "C:/archives": "", "of:2026/people": "",
		"s3://backups/people": "", "s3://backups/people?endpoint=http://127.0.0.1:9000&versions=oldest": "", "file:///mnt/people": "",
		"./a?b=c://d": "", // a path
		"s3:/people":  "Write s3://people;", " s3:/people": "Write s3://people;", "s3:people": "Write s3://people;",
		"file:/people": "Write file:///people;", "minio:people": "./minio:people", "of:2027/people": "./of:2027/people",
		"S3://backups/people": "small letters", "http://127.0.0.1:9000/b/p": "write s3://b/p?endpoint=http://127.0.0.1:9000",
		"s3:b/p?endpoint=http://key:verysecret@127.0.0.1": "s3://bucket/prefix", "s3:/key:verysecret@b/p": "s3://bucket/prefix",
		"http://key:verysecret@127.0.0.1/b/p": "write s3://b/p?endpoint=http://127.0.0.1",
	} {
		err := checkAddress(address)
		if hint == "" {
			if err != nil {
				t.Errorf("%s: %v", address, err)
			}
			continue
		}
		f := describe(err, "list")
		if f.Exit != exitUsage || !strings.Contains(f.Hint, hint) || strings.Contains(f.Message+f.Hint, "verysecret") {
			t.Errorf("%s: %+v", address, f)
		}
	}
}

// A watcher does not wait until it opens an archive to say that its address is none.
func TestWatchedAddresses(t *testing.T) {
	content := read(t, filepath.Join("..", "..", "examples", "social.grafeo"))
	t.Chdir(t.TempDir())
	file := "version: 1\ndatabases:\n  - {path: social.grafeo, archive: \"s3:/backups/social\"}\n"
	if os.WriteFile("social.grafeo", []byte(content), 0o600) != nil || os.WriteFile("watch.yaml", []byte(file), 0o600) != nil {
		t.Fatal("the files cannot be written")
	}
	for _, args := range []string{
		"watch --check --config watch.yaml", "watch --check --root s3:/backups social.grafeo", "watch --check --root s3:/backups --dir .",
		"watch --check social.grafeo s3:/backups/social", "report s3:/backups/social",
	} {
		var out strings.Builder
		if exit := run(t.Context(), strings.Fields(args), &out, &out); exit != exitUsage || !strings.Contains(out.String(), "Write s3://backups") {
			t.Errorf("%s: exit %d, %s", args, exit, out.String())
		}
	}
}
