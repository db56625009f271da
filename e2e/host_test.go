package e2e

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// host is a machine of its own that runs the command: what it knows of archives is in
// its state folder, and what it leaves behind in its folder for temporary files.
type host struct {
	state, temp string
	env         []string // beside those: what its administrator has set
}

func newHost(t testing.TB, env ...string) *host {
	t.Helper()
	dir := t.TempDir()
	h := &host{state: filepath.Join(dir, "state"), temp: filepath.Join(dir, "tmp"), env: env}
	if err := os.Mkdir(h.temp, 0o700); err != nil {
		t.Fatal(err)
	}
	return h
}

// gbak runs the command on the host to its end, whatever that is.
func (h *host) gbak(t testing.TB, args ...string) result {
	t.Helper()
	return h.gbakReads(t, nil, args...)
}

// gbakReads is gbak with something on stdin.
func (h *host) gbakReads(t testing.TB, stdin io.Reader, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Stdin = stdin
	return finish(t, cmd, append([]string{"GBAK_STATE=" + h.state, "TMPDIR=" + h.temp}, h.env...)...)
}

// must runs the command on the host, and fails the test unless it exits with 0.
func (h *host) must(t testing.TB, args ...string) result {
	t.Helper()
	return h.gbak(t, args...).want(t, exitOK)
}

// ageFolder has age and age-keygen of the version that gbak-s3 is built with.
func ageFolder(t testing.TB) string {
	t.Helper()
	folder := os.Getenv("GBAK_AGE")
	if folder == "" {
		missing(t, "there is no age command: GBAK_AGE is not set")
	}
	return folder
}

// identity is an age key pair: the file that has both halves, and the public one.
type identity struct{ file, recipient string }

// newIdentity makes one as people do, with age-keygen.
func newIdentity(t testing.TB) identity {
	t.Helper()
	id := identity{file: filepath.Join(t.TempDir(), "identity.txt")}
	run(t, exec.Command(filepath.Join(ageFolder(t), "age-keygen"), "-o", id.file))
	id.recipient = strings.TrimSpace(string(run(t, exec.Command(filepath.Join(ageFolder(t), "age-keygen"), "-y", id.file))))
	return id
}

// run runs a command that must succeed, and returns its stdout.
func run(t testing.TB, cmd *exec.Cmd) []byte {
	t.Helper()
	var stderr bytes.Buffer
	if cmd.Stderr == nil {
		cmd.Stderr = &stderr
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v %s", cmd, err, &stderr)
	}
	return out
}
