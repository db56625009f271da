package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// decoder is the reader of archives that shares nothing with gbak-s3 but FORMAT.md.
const decoder = "../tools/restore.py"

// TestDecoderIsSmall: one file of less than 300 lines, with nothing but Python's own library.
func TestDecoderIsSmall(t *testing.T) {
	text, err := os.ReadFile(decoder)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(text), "\n"); lines >= 300 {
		t.Errorf("the decoder has %d lines", lines)
	}
	names := regexp.MustCompile(`(?m)^(?:import|from) (.*)$`).FindAllStringSubmatch(string(text), -1)
	if len(names) != 1 {
		t.Fatalf("the decoder has imports in %d lines", len(names))
	}
	run(t, exec.Command("python3", "-I", "-S", "-c", "import "+names[0][1])) // without site packages
}

// python returns a command that runs the decoder.
func python(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	for _, program := range []string{"python3", "zstd"} {
		if _, err := exec.LookPath(program); err != nil {
			missing(t, "there is no "+program)
		}
	}
	return exec.CommandContext(t.Context(), "python3", append([]string{decoder}, args...)...)
}

// decode restores from a folder to target with the decoder. It returns what the decoder says,
// and makes sure that a failure leaves nothing behind.
func decode(t testing.TB, archive directory, target string, args ...string) (said string, ok bool) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := python(t, append([]string{"restore", archive.root, target}, args...)...).CombinedOutput()
	said = strings.TrimSpace(string(out))
	if left := names(t, filepath.Dir(target)); err != nil && len(left) > 0 {
		t.Errorf("the decoder leaves %v after %q", left, said)
	}
	if strings.Contains(said, "Traceback") || err != nil && !strings.Contains(said, "error: ") {
		t.Errorf("%v: the decoder says %q", args, said)
	}
	return said, err == nil
}

// decodesTo makes sure that the decoder restores the same as what gbak-s3 has restored to
// path, byte for byte.
func decodesTo(t testing.TB, archive directory, path string, args ...string) {
	t.Helper()
	target := filepath.Join(t.TempDir(), "decoded", filepath.Base(path))
	said, ok := decode(t, archive, target, args...)
	if !ok {
		t.Errorf("%v: the decoder says %q", args, said)
		return
	}
	if diff := cmp.Diff(filesBelow(t, path), filesBelow(t, target)); diff != "" {
		t.Errorf("%v: the decoder restores something else: %.1000s", args, diff)
	}
	if err := os.RemoveAll(filepath.Dir(target)); err != nil {
		t.Error(err)
	}
}
