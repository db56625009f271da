package locate

import (
	"os"
	"path/filepath"
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
