package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// frozenFolder has the frozen archives: a folder for each version that has made some, and in it one
// for each archive (testdata/frozen/README.md).
const frozenFolder = "../testdata/frozen"

// frozen is what lies beside a frozen archive, in expected.json.
type frozen struct {
	About  string   `json:"about"`
	Opens  []string `json:"opens"` // files beside the archive: identities, or texts that are passphrases, each of which opens it
	States []struct {
		Args  []string          `json:"args"`  // of a restore
		Files map[string]string `json:"files"` // their SHA-256, by their names behind that of the database
	} `json:"states"`

	path string // of its folder
}

func (f frozen) archive() string { return filepath.Join(f.path, "archive") }

// isPassphrase reports whether a file beside the archive has a passphrase, and not an identity.
func isPassphrase(name string) bool { return strings.HasPrefix(name, "passphrase") }

// frozenArchives returns all of them, by their names.
func frozenArchives(t testing.TB) map[string]frozen {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(frozenFolder, "*", "*", "expected.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("there is no frozen archive: %v", err)
	}
	all := map[string]frozen{}
	for _, path := range paths {
		f := frozen{path: filepath.Dir(path)}
		b, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(b, &f)
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		name, err := filepath.Rel(frozenFolder, f.path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.ToSlash(name)] = f
	}
	return all
}

// hashesBelow returns the SHA-256 of each file of a database, by its name behind the database's.
func hashesBelow(t testing.TB, path string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name, content := range filesBelow(t, path) {
		sum := sha256.Sum256([]byte(content))
		all[filepath.ToSlash(name)] = hex.EncodeToString(sum[:])
	}
	return all
}

// The command restores every state of every frozen archive, byte for byte, and finds nothing wrong in
// any. The library is tested by itself, with more of their states.
func TestFrozenByCommand(t *testing.T) {
	t.Parallel()
	for name, f := range frozenArchives(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys := [][]string{nil}
			if len(f.Opens) > 0 {
				keys = nil
			}
			for _, file := range f.Opens {
				path := filepath.Join(f.path, file)
				if isPassphrase(file) {
					keys = append(keys, []string{"--passphrase-command", "cat " + path})
				} else {
					keys = append(keys, []string{"-i", path})
				}
			}
			h := newHost(t)
			for _, key := range keys {
				h.must(t, append([]string{"verify", "--deep", "--no-certificate", f.archive()}, key...)...)
				h.must(t, append([]string{"list", f.archive()}, key...)...)
			}
			for i, state := range spread(f.States, 6) {
				target := filepath.Join(t.TempDir(), "restored")
				args := append([]string{"restore", f.archive(), target}, state.Args...)
				h.must(t, append(args, keys[i%len(keys)]...)...)
				if diff := cmp.Diff(state.Files, hashesBelow(t, target)); diff != "" {
					t.Errorf("%v (-want +got): %s", state.Args, diff)
				}
			}
		})
	}
}

// The decoder, which shares nothing with gbak-s3 but FORMAT.md, restores the same.
func TestFrozenByDecoder(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"python3", "zstd"} {
		if _, err := exec.LookPath(program); err != nil {
			missing(t, "there is no "+program)
		}
	}
	for name, f := range frozenArchives(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, state := range f.States {
				target := filepath.Join(t.TempDir(), "restored")
				if said, err := f.decode(t, i, target, state.Args); err != nil {
					t.Fatalf("%v: %v\n%s", state.Args, err, said)
				}
				if diff := cmp.Diff(state.Files, hashesBelow(t, target)); diff != "" {
					t.Errorf("%v (-want +got): %s", state.Args, diff)
				}
			}
		})
	}
}

// decode restores a state with the decoder, and with one of what opens the archive in turn.
func (f frozen) decode(t testing.TB, turn int, target string, state []string) (said string, err error) {
	t.Helper()
	args := append([]string{"../tools/restore.py", "restore", f.archive(), target}, state...)
	if len(f.Opens) == 0 {
		out, err := exec.CommandContext(t.Context(), "python3", args...).CombinedOutput()
		return string(out), err
	}
	run := func(more ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "python3", append(args, more...)...)
		cmd.Env = append(os.Environ(), "PATH="+ageFolder(t)+string(os.PathListSeparator)+os.Getenv("PATH"))
		return cmd
	}
	path := filepath.Join(f.path, f.Opens[turn%len(f.Opens)])
	if isPassphrase(filepath.Base(path)) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return onTerminal(t, run("-p"), strings.TrimSpace(string(text)))
	}
	out, err := run("-i", path).CombinedOutput()
	return string(out), err
}

// Frozen archives never change: neither a byte of them, nor what they are expected to be restored as.
// SHA256SUMS has all their files; whoever adds archives adds lines, and changes none.
func TestFrozenArchivesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	sums, err := os.ReadFile(filepath.Join(frozenFolder, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for line := range strings.Lines(string(sums)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok || want[name] != "" {
			t.Fatalf("%q", line)
		}
		want[name] = sum
	}
	got, total := map[string]string{}, 0
	for name, f := range snapshot(t, frozenFolder) {
		name = filepath.ToSlash(name)
		if f.mode.IsDir() || !strings.Contains(name, "/") {
			continue // SHA256SUMS itself, and README.md
		}
		sum := sha256.Sum256([]byte(f.content))
		got[name], total = hex.EncodeToString(sum[:]), total+len(f.content)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got): %s", diff)
	}
	if len(got) == 0 || total > 1<<20 {
		t.Errorf("%d files with %d bytes", len(got), total)
	}
	for name := range maps.Keys(got) {
		if strings.Contains(name, ".tmp") {
			t.Errorf("%s is no part of an archive", name)
		}
	}
}
