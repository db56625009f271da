// Package e2e tests gbak-s3 as a user meets it: the built binary as a
// subprocess, databases written and opened by the real Grafeo in both
// generations, archives in a directory and in a real MinIO.
//
// scripts/minio-test.sh provides all of that. Under a plain `go test ./...`
// tests that miss the database or the server are skipped; with GBAK_NO_SKIP=1
// they fail instead.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// binary is the path of the gbak-s3 under test.
var binary string

func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

// runTests is apart from TestMain so that the deferred removal happens.
func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gbak-s3-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()

	binary = filepath.Join(dir, "gbak-s3")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	if err := os.Setenv("GBAK_STATE", stateFolder()); err != nil { // whatever starts the command: never the user's own
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	args := []string{"build", "-o", binary}
	if os.Getenv("GOCOVERDIR") != "" {
		args = append(args, "-cover", "-coverpkg=./...")
	}
	build := exec.Command("go", append(args, "./cmd/gbak-s3")...)
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// missing skips the test because something is not there, or fails it where
// everything must be.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("GBAK_NO_SKIP") != "" {
		t.Fatalf("%s, and GBAK_NO_SKIP is set", what)
	}
	t.Skipf("%s: run scripts/minio-test.sh", what)
}
