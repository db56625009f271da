package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// ownership is the owner, group and mode of a file, as ls shows them.
func ownership(t testing.TB, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	s := info.Sys().(*syscall.Stat_t)
	setgid := ""
	if info.Mode()&fs.ModeSetgid != 0 {
		setgid = "s"
	}
	return fmt.Sprintf("%d:%d %04o%s", s.Uid, s.Gid, info.Mode().Perm(), setgid)
}

// own sets the owner, group and mode of a file or folder.
func own(t testing.TB, path string, user, group int, mode fs.FileMode) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "only root can give files away")
	}
	if err := os.Chown(path, user, group); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// withUmask runs the command under a umask.
func withUmask(t testing.TB, umask string, args ...string) result {
	t.Helper()
	script := append([]string{"sh", "-c", "umask " + umask + `; exec "$0" "$@"`, binary}, args...)
	cmd := exec.Command(script[0], script[1:]...)
	cmd.Env = environment()
	return finish(t, cmd)
}

// A restore with --force sets exactly the owner, group and mode that everything had,
// each kind of file and folder its own.
func TestForceKeepsOwnerAndMode(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		db := create(t, version, "--kill", "--seed", "5", "--commits", "4")
		want := db.state(t)
		spilled(t, db.path, "vectors_A%3Ab.bin", "kept/vectors_C%3Ad.bin")
		at := newDirectory(t)
		must(t, "backup", db.path, at.address(), "--no-hold")
		logFile := db.path + ".wal/" + names(t, db.path+".wal")[0]
		own(t, db.path, 4242, 4300, 0o640)
		own(t, logFile, 4242, 4301, 0o660)
		own(t, db.path+".wal", 4242, 4300, 0o750|fs.ModeSetgid)
		own(t, filepath.Join(db.path+".spill", "vectors_A%3Ab.bin"), 4243, 4300, 0o604)
		own(t, db.path+".spill", 4243, 4300, 0o711)
		paths := []string{db.path, logFile, db.path + ".wal", db.path + ".spill", db.path + ".spill/vectors_A%3Ab.bin"}
		before := map[string]string{}
		for _, p := range paths {
			before[p] = ownership(t, p)
		}
		r := withUmask(t, "077", "restore", "--force", at.address(), db.path, "--json").want(t, exitOK)
		if got := r.one(t, "restore").AccessProblem; got != "" {
			t.Errorf("%s: %s", version, got)
		}
		for _, p := range paths {
			if got := ownership(t, p); got != before[p] {
				t.Errorf("%s: %s is %s, and was %s", version, p, got, before[p])
			}
		}
		holds(t, want, version, db.path)

		// Without a log folder, and without spilled vectors, the file says what is right.
		for _, gone := range []string{".wal", ".spill"} {
			if err := os.RemoveAll(db.path + gone); err != nil {
				t.Fatal(err)
			}
		}
		must(t, "restore", "--force", at.address(), db.path)
		for p, want := range map[string]string{
			db.path: "4242:4300 0640", logFile: "4242:4300 0640", db.path + ".wal": "4242:4300 0750",
			db.path + ".spill": "4242:4300 0750", db.path + ".spill/kept": "4242:4300 0750", db.path + ".spill/kept/vectors_C%3Ad.bin": "4242:4300 0640",
		} {
			if got := ownership(t, p); got != want {
				t.Errorf("%s: %s is %s, want %s", version, p, got, want)
			}
		}
	}
}

// A new database gets, from root, the owner and group of the folder above, and what
// that folder and the umask want for a group.
func TestNewDatabaseIsTheFolders(t *testing.T) {
	t.Parallel()
	db := create(t, "0.6.0", "--kill", "--seed", "6", "--commits", "3")
	at := newDirectory(t)
	must(t, "backup", db.path, at.address())
	for _, c := range []struct {
		folder       fs.FileMode
		umask        string
		file, inside string
	}{
		{0o755, "022", "4242:4300 0600", "4242:4300 0700"},
		{0o700, "022", "4242:4300 0600", "4242:4300 0700"},
		{0o770, "007", "4242:4300 0640", "4242:4300 0750"},
		{0o750, "027", "4242:4300 0640", "4242:4300 0750"},
		{0o750, "077", "4242:4300 0600", "4242:4300 0700"},
		{0o770 | fs.ModeSetgid, "007", "4242:4300 0640", "4242:4300 0750s"},
		{0o775 | fs.ModeSetgid, "022", "4242:4300 0640", "4242:4300 0750s"},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		own(t, dir, 4242, 4300, c.folder)
		target := filepath.Join(dir, "people.grafeo")
		if c.umask == "027" { // a new folder has the mode that the umask leaves
			target = filepath.Join(dir, "new", "and", "deep", "people.grafeo")
		}
		withUmask(t, c.umask, "restore", at.address(), target).want(t, exitOK)
		log := target + ".wal/" + names(t, target+".wal")[0]
		for path, want := range map[string]string{target: c.file, log: c.file, target + ".wal": c.inside} {
			if got := ownership(t, path); got != want {
				t.Errorf("in %s with umask %s, %s is %s, want %s", c.folder, c.umask, filepath.Base(path), got, want)
			}
		}
		for folder := filepath.Dir(target); folder != filepath.Dir(dir); folder = filepath.Dir(folder) {
			if got := ownership(t, folder); !strings.HasPrefix(got, "4242:4300 ") {
				t.Errorf("%s is %s", folder, got)
			}
		}
		out := filepath.Join(dir, "native")
		withUmask(t, c.umask, "export", at.address(), out).want(t, exitOK)
		for _, name := range names(t, out) {
			if got := ownership(t, filepath.Join(out, name)); got != c.file {
				t.Errorf("in %s with umask %s, the export's %s is %s, want %s", c.folder, c.umask, name, got, c.file)
			}
		}
	}
}

// A user who may not change owners can restore all the same, and is told.
func TestOwnerThatCannotBeGiven(t *testing.T) {
	t.Parallel()
	db := create(t, "0.6.0", "--kill", "--seed", "7", "--commits", "3")
	want := db.state(t)
	at := newDirectory(t)
	must(t, "backup", db.path, at.address(), "--no-hold")
	dir := filepath.Dir(db.path)
	own(t, db.path, 4242, 4300, 0o666)
	own(t, dir, os.Geteuid(), os.Getegid(), 0o777)
	r := finish(t, powerless(binary, "restore", "--force", at.address(), db.path, "--json")).want(t, exitOK)
	problem := r.one(t, "restore").AccessProblem
	if !strings.Contains(problem, "not those of the database that was there") || !strings.Contains(problem, "not permitted") {
		t.Errorf("it says %q", problem)
	}
	if got := ownership(t, db.path); !strings.HasSuffix(got, " 0606") { // the group is another one
		t.Errorf("it is %s", got)
	}
	holds(t, want, db.version, db.path)
	own(t, db.path, 4242, 4300, 0o666)
	text := finish(t, powerless(binary, "restore", "--force", at.address(), db.path)).want(t, exitOK)
	if n := strings.Count(text.stdout+text.stderr, "owner, group and mode"); n != 1 {
		t.Errorf("it is said %d times: %s", n, text.stdout)
	}
}

// The hidden folder of somebody else's restore is root's while root restores, and a link
// in its place is not followed.
func TestHiddenFolderOfSomebodyElse(t *testing.T) {
	t.Parallel()
	db := create(t, "0.6.0", "--kill", "--seed", "7", "--commits", "3")
	want := db.state(t)
	at := newDirectory(t)
	must(t, "backup", db.path, at.address(), "--no-hold")
	target := filepath.Join(t.TempDir(), "people.grafeo")
	hidden := filepath.Join(filepath.Dir(target), ".people.grafeo.gbak-restore")
	precious := filepath.Join(t.TempDir(), "precious")
	for _, err := range []error{os.WriteFile(precious, []byte("root's"), 0o600), os.Mkdir(hidden, 0o700), os.Symlink(precious, filepath.Join(hidden, "image"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	own(t, filepath.Dir(target), 4242, 4300, 0o755)
	own(t, hidden, 4242, 4300, 0o777)
	must(t, "restore", at.address(), target)
	holds(t, want, db.version, target)
	if got := ownership(t, precious); got != fmt.Sprintf("%d:%d 0600", os.Geteuid(), os.Getegid()) {
		t.Errorf("the file of somebody else is %s", got)
	}
	if b, err := os.ReadFile(precious); err != nil || string(b) != "root's" {
		t.Errorf("it has %q, %v", b, err)
	}
	elsewhere := t.TempDir()
	other := filepath.Join(filepath.Dir(target), "other.grafeo")
	if err := os.Symlink(elsewhere, filepath.Join(filepath.Dir(target), ".other.grafeo.gbak-restore")); err != nil {
		t.Fatal(err)
	}
	gbak(t, "restore", at.address(), other, "--json").refused(t, "failed", "is a link")
	if n := names(t, elsewhere); len(n) > 0 {
		t.Errorf("it has written %v there", n)
	}
}

// The same for a database of 0.5 that is a directory.
func TestForceKeepsOwnerOfADirectory(t *testing.T) {
	t.Parallel()
	needGrafeo(t)
	path := filepath.Join(t.TempDir(), "mydb")
	if _, err := node(t.Context(), "0.5.42", "vectors.js", "make", path, "3"); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(path + ".spill"); err != nil { // such a database has none
		t.Fatal(err)
	}
	at := newDirectory(t)
	must(t, "backup", path, at.address())
	before := map[string]string{}
	for p, mode := range map[string]fs.FileMode{path: 0o750, path + "/wal": 0o710, path + "/wal/wal_00000000.log": 0o640} {
		own(t, p, 4242, 4300, mode)
		before[p] = ownership(t, p)
	}
	must(t, "restore", "--force", at.address(), path)
	for p, want := range before {
		if got := ownership(t, p); got != want {
			t.Errorf("%s is %s, and was %s", p, got, want)
		}
	}
}
