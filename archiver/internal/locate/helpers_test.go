package locate

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// copyVector copies a database of grafeo's test vectors, such as "v0.6.0/live", into a
// folder of its own, and returns its path.
func copyVector(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "source")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "grafeo", "testdata", filepath.FromSlash(name)))); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "tiny.grafeo")
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mustBe checks that err is an E that says these words.
func mustBe[E error](t *testing.T, err error, words ...string) {
	t.Helper()
	if _, ok := errors.AsType[E](err); !ok {
		t.Fatalf("error %v is a %T", err, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}
