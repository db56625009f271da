package main

import (
	"errors"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// A file URL stands for the path that it names, or an error about the usage.
func FuzzFilePath(f *testing.F) {
	for _, address := range []string{
		"file:///a/b", "file://localhost/a%20b", "file://host/a", "file:///a?b", "file:///a#b", "file://", "file:///%2e%2e/x", "file://u:secret@/x",
	} {
		f.Add(address)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if !strings.HasPrefix(address, "file://") {
			return
		}
		path, err := filePath(address)
		if err != nil {
			var refused *usageError
			if !errors.As(err, &refused) || refused.hint == "" {
				t.Errorf("%q: a %T without a hint", address, err)
			}
			return
		}
		again, err := filePath((&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String())
		if err != nil || again != path || path == "" {
			t.Errorf("%q is %q, and again %q, %v", address, path, again, err)
		}
	})
}

// On Windows the path in a file URL begins with a drive or a server.
func TestPathInFileURL(t *testing.T) {
	for _, c := range []struct{ address, linux, windows string }{
		{"file:///a/b", "/a/b", "/a/b"},
		{"file:///C:/my%20data/b", "/C:/my data/b", "C:/my data/b"},
		{"file:///c:", "/c:", "c:"},
		{"file://localhost/C:/b", "/C:/b", "C:/b"},
		{"file:///ab:/c", "/ab:/c", "/ab:/c"},
		{"file://server/share/b", "/share/b", "//server/share/b"},
	} {
		u, err := url.Parse(c.address)
		if err != nil {
			t.Fatal(err)
		}
		if got := pathIn(u, "linux"); got != c.linux {
			t.Errorf("%s: %s on Linux, want %s", c.address, got, c.linux)
		}
		if got := pathIn(u, "windows"); got != c.windows {
			t.Errorf("%s: %s on Windows, want %s", c.address, got, c.windows)
		}
	}
}

// A word of a command that is printed is one for the shells of its system.
func TestQuote(t *testing.T) {
	for _, c := range []struct{ word, posix, windows string }{
		{"/a/b-1.grafeo", "/a/b-1.grafeo", "/a/b-1.grafeo"},
		{`C:\data\a.grafeo`, `'C:\data\a.grafeo'`, `C:\data\a.grafeo`},
		{`C:\my data\a`, `'C:\my data\a'`, `"C:\my data\a"`},
		{`C:\my data\`, `'C:\my data\'`, `"C:\my data\\"`},
		{"s3://b/p?endpoint=http://h:1&region=r", "'s3://b/p?endpoint=http://h:1&region=r'", `"s3://b/p?endpoint=http://h:1&region=r"`},
		{"it's", `'it'\''s'`, `"it's"`},
		{"a,b@c", "a,b@c", `"a,b@c"`},
		{"a$b", "'a$b'", "'a$b'"},
		{"", "''", `""`},
	} {
		if got := quoteFor(c.word, "linux"); got != c.posix {
			t.Errorf("%s: %s, want %s", c.word, got, c.posix)
		}
		if got := quoteFor(c.word, "windows"); got != c.windows {
			t.Errorf("%s: %s on Windows, want %s", c.word, got, c.windows)
		}
	}
}

// However the place of an archive is written, it is remembered under one name, which is an
// address of it.
func TestNameOfAnArchive(t *testing.T) {
	folder := filepath.ToSlash(t.TempDir())
	url := "file://" + folder
	if runtime.GOOS == "windows" { // where it begins with a drive
		url = "file:///" + folder
	}
	for want, addresses := range map[string][]string{
		filepath.FromSlash(folder + "/a"): {folder + "/a", folder + "/a/", folder + "/b/../a", url + "/a", url + "/a/"},
		"s3://bucket/p?endpoint=http://127.0.0.1:9000": {
			"s3://bucket/p?endpoint=http://127.0.0.1:9000", "s3://bucket/p/?endpoint=http://127.0.0.1:9000/",
			"s3://bucket/p?region=us-east-1&endpoint=http%3A%2F%2F127.0.0.1%3A9000&checksum=sha256",
		},
		"s3://bucket":   {"s3://bucket", "s3://bucket/", "s3://bucket?region=eu-west-1"},
		"s3://bucket/q": {"s3://bucket/q", "s3://bucket/q/?profile=backup"},
		"s3://bucket/q?versions=oldest": {
			"s3://bucket/q?versions=oldest", "s3://bucket/q?before=2026-11-20T12%3A00%3A00Z&versions=oldest",
		},
		"s3://bucket?endpoint=http://h:1&versions=oldest": {"s3://bucket?versions=oldest&endpoint=http%3A%2F%2Fh:1"},
		"s3://b": {"s3://b"}, // none that can be used
	} {
		for _, address := range append(addresses, want) {
			if got := named(address); got != want {
				t.Errorf("%s is called %s, want %s", address, got, want)
			}
		}
	}
}

// Archives in one bucket share a client, whatever their prefixes.
func TestStoresShareClients(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	s := &stores{}
	for _, address := range []string{
		"s3://bucket/a?endpoint=http://127.0.0.1:1", "s3://bucket/b?endpoint=http://127.0.0.1:1", "s3://bucket?endpoint=http://127.0.0.1:1",
		"s3://other/a?endpoint=http://127.0.0.1:1", "s3://bucket/a?endpoint=http://127.0.0.1:2", "s3://bucket/a?endpoint=http://127.0.0.1:1&checksum=none",
	} {
		store, err := s.open(t.Context(), address)
		if err != nil || store == nil {
			t.Fatalf("%s: %v", address, err)
		}
	}
	if len(s.clients) != 4 {
		t.Errorf("there are %d clients", len(s.clients))
	}
}

// The command that restores says where the bucket is, if only this host's environment does.
func TestAnyHost(t *testing.T) {
	for _, c := range []struct{ own, all, address, want string }{
		{"", "", "s3://backups/people", "any host"},
		{"http://minio:9000", "http://other:9000", "s3://backups/people", "any host with AWS_ENDPOINT_URL_S3=http://minio:9000"},
		{"", "http://other:9000", "s3://backups/people?region=x", "any host with AWS_ENDPOINT_URL_S3=http://other:9000"},
		{"http://minio:9000", "", "s3://backups/people?endpoint=http://b:9000", "any host"},
		{"http://minio:9000", "", "/backups/people", "any host"},
	} {
		t.Setenv("AWS_ENDPOINT_URL_S3", c.own)
		t.Setenv("AWS_ENDPOINT_URL", c.all)
		if got := anyHost(c.address); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
		sheet := sheetOf(c.address, whereOf(c.address), "", nil, true)
		if says := strings.Contains(sheet, "\n          with AWS_ENDPOINT_URL_S3="); says != (c.want != "any host") || !strings.Contains(sheet, "Where:    "+c.address+"\n") {
			t.Errorf("%+v: the page for the safe says %q", c, sheet)
		}
	}
}
