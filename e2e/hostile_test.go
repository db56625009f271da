package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// volume is a file system of a size that a test chooses. It is mounted in a mount
// namespace of its own, which a process holds open and which ends with it, so that
// nothing stays mounted, whatever happens to the test. util-linux has all the tools for
// it, and an unprivileged user namespace is enough.
type volume struct {
	path  string   // where it is, for commands under run
	seen  string   // the same place, for the test
	enter []string // a command line that runs the rest of it inside
}

// newVolume mounts a volume with options of tmpfs, such as size=4m.
func newVolume(t testing.TB, options string) *volume {
	t.Helper()
	v := &volume{path: t.TempDir()}
	unshare, enter := []string{"--mount"}, []string{"--mount"}
	if os.Geteuid() != 0 {
		unshare, enter = []string{"--mount", "--user", "--map-root-user"}, []string{"--mount", "--user", "--preserve-credentials"}
	}
	// It ends when its stdin does: with the test, if not before.
	holder := exec.Command("unshare", append(unshare, "sh", "-c", `mount -t tmpfs -o "$1" tmpfs "$2" && echo mounted && read end`, "sh", options, v.path)...)
	var stderr strings.Builder
	holder.Stderr = &stderr
	stdin, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatalf("this test mounts a small file system, which takes `unshare` of util-linux: %v", err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = holder.Wait() // `read` at the end of its input is an error
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "mounted\n" {
		_ = stdin.Close()
		_ = holder.Wait()
		t.Fatalf("this test mounts a small file system in a namespace of its own; that needs root or unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1): %v %s", err, &stderr)
	}
	v.seen = fmt.Sprintf("/proc/%d/root%s", holder.Process.Pid, v.path)
	v.enter = append(append([]string{"nsenter", fmt.Sprintf("--target=%d", holder.Process.Pid)}, enter...), "--")
	return v
}

// run runs a command where the volume is.
func (v *volume) run(t testing.TB, command ...string) {
	t.Helper()
	finish(t, v.command(command...)).want(t, exitOK)
}

func (v *volume) command(command ...string) *exec.Cmd {
	return exec.Command(v.enter[0], append(v.enter[1:], command...)...)
}

func (v *volume) gbak(t testing.TB, args ...string) result {
	t.Helper()
	return finish(t, v.command(append([]string{binary}, args...)...))
}

// remount changes options of the volume.
func (v *volume) remount(t testing.TB, options string) {
	t.Helper()
	v.run(t, "mount", "-o", "remount,"+options, v.path)
}

// fill takes all the space that is left; empty frees it again.
func (v *volume) fill(t testing.TB) (empty func()) {
	t.Helper()
	path := filepath.Join(v.seen, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	_ = f.Close() // what it would say is why we are here
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// powerless is a command line that runs as the test does, but without the powers
// of root: permission bits count for it.
func powerless(command ...string) *exec.Cmd {
	if os.Geteuid() == 0 {
		command = append([]string{"setpriv", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"}, command...)
	}
	return exec.Command(command[0], command[1:]...)
}

// mediumSource is a database of a few segments, with an image and a log.
func mediumSource(t testing.TB) *database {
	t.Helper()
	db := create(t, "0.6.0", "", "--nodes", "300", "--pad", "4000", "--commits", "2")
	db.write(t, "--kill", "--nodes", "300", "--pad", "4000", "--commits", "1")
	return db
}

// refused expects exit code 1 and an error with a code name, which says about
// what.
func (r result) refused(t testing.TB, code, about string) {
	t.Helper()
	f := r.want(t, exitError).failure(t)
	if f.Code != code || !strings.Contains(f.Message, about) {
		t.Errorf("%s\nwant the error %s about %q: %s", strings.Join(r.args, " "), code, about, r.stderr)
	}
}

// holds fails unless the database at path has the state want.
func holds(t testing.TB, want state, version, path string) {
	t.Helper()
	if diff := cmp.Diff(want, inspect(t, version, path)); diff != "" {
		t.Fatalf("%s (-want +is):\n%s", path, diff)
	}
}

// restores fails unless the newest backup restores to want.
func restores(t testing.TB, at place, want state, version string, more ...string) {
	t.Helper()
	target := filepath.Join(t.TempDir(), "people.grafeo")
	must(t, append([]string{"restore", at.address(), target}, more...)...)
	holds(t, want, version, target)
	onlyDatabase(t, target)
}

// copyTree copies all below a folder to another one, which need not exist.
func copyTree(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// unchanged fails if a folder is not what it was.
func unchanged(t testing.TB, before map[string]file, dir string) {
	t.Helper()
	if diff := cmp.Diff(before, snapshot(t, dir), cmp.AllowUnexported(file{})); diff != "" {
		t.Errorf("%s has changed (-before +after):\n%s", dir, diff)
	}
}
