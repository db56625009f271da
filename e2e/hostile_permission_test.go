package e2e

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// locked takes all permissions from a file or folder until the end of the test,
// or until unlock.
func locked(t testing.TB, path string, mode fs.FileMode) (unlock func()) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	unlock = func() { _ = os.Chmod(path, info.Mode()) }
	t.Cleanup(unlock)
	return unlock
}

// asUser runs the command without the powers of root.
func asUser(t testing.TB, args ...string) result {
	t.Helper()
	return finish(t, powerless(append([]string{binary}, args...)...))
}

// TestNoPermissionInArchive takes the permission to read one object after the
// other. That is no damage, and the message says which object it is.
func TestNoPermissionInArchive(t *testing.T) {
	t.Parallel()
	db, at := damagedSource(t, "11"), newDirectory(t)
	first := db.state(t)
	must(t, append([]string{"backup", db.path, at.address()}, smallSegments...)...)
	ofFirst := at.keys(t)
	db.write(t, "--kill", "--seed", "12", "--commits", "3")
	second := db.state(t)
	must(t, append([]string{"backup", db.path, at.address(), "--full"}, smallSegments...)...)

	for _, key := range append(at.keys(t), "manifests", "segments", ".") {
		t.Run(strings.ReplaceAll(key, "/", "-"), func(t *testing.T) {
			unlock := locked(t, filepath.Join(at.root, filepath.FromSlash(key)), 0)
			about := filepath.Base(key)
			if key == "." {
				about = "archive.json"
			}
			target := filepath.Join(t.TempDir(), "people.grafeo")
			asUser(t, "verify", at.address(), "--deep", "--json").refused(t, "permission_denied", about)
			if kindOf(key) != "segments" && kindOf(key) != "pages" || key == "segments" {
				asUser(t, "verify", at.address(), "--json").refused(t, "permission_denied", about)
			}
			if kindOf(key) == "pages" { // which only the next full backup looks at
				unlock()
				return
			}
			if key == "RESTORE.md" { // which is for people
				asUser(t, "restore", at.address(), target).want(t, exitOK)
				unlock()
				return
			}
			segment := kindOf(key) == "segments"
			if !slices.Contains(ofFirst, key) || !segment && !strings.HasSuffix(key, "0000000001.json") {
				asUser(t, "restore", at.address(), target, "--json").refused(t, "permission_denied", about)
				if left := names(t, filepath.Dir(target)); len(left) != 0 {
					t.Errorf("a refused restore left %v", left)
				}
			}
			if key != "segments" && segment && !slices.Contains(ofFirst, key) {
				asUser(t, "restore", at.address(), target, "--backup", "1").want(t, exitOK)
				holds(t, first, db.version, target)
			}
			if !segment && !strings.HasSuffix(key, "0000000001.json") {
				asUser(t, "backup", db.path, at.address(), "--json").refused(t, "permission_denied", about)
				if strings.HasPrefix(key, "manifests") {
					asUser(t, "backup", db.path, at.address(), "--full", "--json").refused(t, "permission_denied", about)
				}
			}
			unlock()
			asUser(t, "restore", at.address(), filepath.Join(t.TempDir(), "p.grafeo")).want(t, exitOK)
		})
	}
	verifyClean(t, at, 2)
	restores(t, at, second, db.version)
}

// TestNoPermissionToWrite takes the permission to write in turn from all folders
// that a run writes to.
func TestNoPermissionToWrite(t *testing.T) {
	t.Parallel()
	db := create(t, "0.6.0", "--kill", "--nodes", "50", "--commits", "4")
	want := db.state(t)

	t.Run("archive", func(t *testing.T) {
		parent := t.TempDir()
		at := directory{filepath.Join(parent, "archive")}
		before := snapshot(t, filepath.Dir(db.path))
		unlock := locked(t, parent, 0o500)
		asUser(t, "backup", db.path, at.root, "--json").refused(t, "permission_denied", "archive")
		unlock()
		after := snapshot(t, filepath.Dir(db.path))
		after["people.grafeo.wal"] = before["people.grafeo.wal"] // its time
		if len(after) != len(before) {
			t.Errorf("a refused backup left something at the database: %v", after)
		}
		must(t, "backup", db.path, at.root)
		for _, folder := range []string{"segments", "manifests", ".tmp"} {
			unlock := locked(t, filepath.Join(at.root, folder), 0o500)
			// With another level nothing that is stored can be used again.
			r := asUser(t, "backup", db.path, at.root, "--full", "--level", "best", "--json")
			r.refused(t, "permission_denied", folder)
			for _, args := range [][]string{{"list", at.root}, {"status", at.root, db.path}, {"verify", "--deep", at.root}, {"restore", at.root, filepath.Join(t.TempDir(), "p")}} {
				asUser(t, args...).want(t, exitOK)
			}
			unlock()
		}
		verifyClean(t, at, 1)
		restores(t, at, want, db.version)
	})
	t.Run("a folder above the archive that may not be looked into", func(t *testing.T) {
		parent := t.TempDir()
		at := filepath.Join(parent, "deep", "archive")
		must(t, "backup", db.path, at)
		locked(t, parent, 0)
		for _, args := range [][]string{{"list", at}, {"verify", at}, {"backup", db.path, at}, {"restore", at, filepath.Join(t.TempDir(), "p")}} {
			asUser(t, append(args, "--json")...).refused(t, "permission_denied", "archive")
		}
	})
	t.Run("target", func(t *testing.T) {
		at, dir := newDirectory(t), t.TempDir()
		must(t, "backup", db.path, at.root)
		for _, mode := range []fs.FileMode{0, 0o500} {
			for _, target := range []string{filepath.Join(dir, "people.grafeo"), filepath.Join(dir, "new", "people.grafeo")} {
				unlock := locked(t, dir, mode)
				asUser(t, "restore", at.root, target, "--json").refused(t, "permission_denied", dir)
				asUser(t, "restore", at.root, target, "--force", "--json").refused(t, "permission_denied", dir)
				unlock()
				if left := names(t, dir); len(left) != 0 {
					t.Errorf("a refused restore left %v", left)
				}
			}
		}
		asUser(t, "restore", at.root, filepath.Join(dir, "new", "people.grafeo")).want(t, exitOK)
		holds(t, want, db.version, filepath.Join(dir, "new", "people.grafeo"))
	})
	t.Run("database", func(t *testing.T) {
		at, dir := newDirectory(t), t.TempDir()
		copyTree(t, filepath.Dir(db.path), dir)
		path := filepath.Join(dir, "people.grafeo")
		logs, err := filepath.Glob(filepath.Join(path+".wal", "wal_*.log"))
		if err != nil || len(logs) == 0 {
			t.Fatalf("no log: %v", err)
		}
		for _, hidden := range []string{path, path + ".wal", logs[0]} {
			unlock := locked(t, hidden, 0)
			asUser(t, "backup", path, at.root, "--json").refused(t, "permission_denied", hidden)
			asUser(t, "inspect", path, "--json").refused(t, "permission_denied", hidden)
			unlock()
		}
		gbak(t, "list", at.root).want(t, exitNoArchive)
		// Without leave to write, the log cannot be held, which is said.
		unlock := locked(t, path+".wal", 0o500)
		r := asUser(t, "backup", path, at.root).want(t, exitOK)
		if !strings.Contains(r.stderr, "does not hold its log") {
			t.Errorf("not a word on the log that is not held: %s", r.stderr)
		}
		unlock()
		restores(t, at, want, db.version)
	})
}

// TestPermissionsOfWhatIsWritten: what a database contains is its owner's alone to read,
// whatever the umask is.
func TestPermissionsOfWhatIsWritten(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		for _, umask := range []string{"0", "022", "077"} {
			t.Run(version+"/umask "+umask, func(t *testing.T) {
				db, at := create(t, version, "--kill", "--nodes", "10", "--commits", "3"), newDirectory(t)
				dir := t.TempDir()
				for _, args := range [][]string{{"backup", db.path, at.root}, {"restore", at.root, filepath.Join(dir, "people.grafeo")}} {
					finish(t, exec.Command("sh", append([]string{"-c", `umask "$1"; shift; exec "$@"`, "sh", umask, binary}, args...)...)).want(t, exitOK)
				}
				for _, root := range []string{at.root, dir} {
					for name, f := range snapshot(t, root) {
						want := fs.FileMode(0o600)
						if f.mode.IsDir() {
							want = 0o700
						}
						if root == dir && name == "." {
							continue // the test's
						}
						info, err := os.Lstat(filepath.Join(root, name))
						if err != nil {
							t.Fatal(err)
						}
						if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Geteuid() {
							t.Errorf("%s is not ours", filepath.Join(root, name))
						}
						if f.mode.Perm() != want {
							t.Errorf("%s has the permissions %v, want %v", filepath.Join(root, name), f.mode.Perm(), want)
						}
					}
				}
			})
		}
	}
}
