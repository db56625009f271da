package main

import (
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// A file URL gives the path that it names, or an error about the usage.
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
