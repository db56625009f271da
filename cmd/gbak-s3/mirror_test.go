package main

import (
	"os"
	"path/filepath"
	"testing"
)

// An archive is not mirrored to itself, however its address is spelled.
func TestIsSame(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"s3://b/people", "s3://b/people/", true},
		{"s3://b/people", "s3://b/other", false},
		{"s3://b/people", filepath.Join(dir, "a"), false},
		{filepath.Join(dir, "a"), dir + "/./a/", true},
		{filepath.Join(dir, "a"), filepath.Join(dir, "b"), false},
	} {
		if isSame(c.a, c.b) != c.want {
			t.Errorf("%s and %s", c.a, c.b)
		}
	}
}
