package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// linked makes a database and keeps it open in a process, under the name app/l.grafeo, a
// link to data/r.grafeo, and commits to it. It returns the process and the real path.
func linked(t *testing.T, version string, link func(from, to string) error) (w *live, real string) {
	t.Helper()
	needGrafeo(t)
	dir := t.TempDir()
	real = filepath.Join(dir, "data", "r.grafeo")
	for _, folder := range []string{"data", "app"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	first := startLive(t, version, real, filepath.Join(dir, "first-log"))
	first.do(t, "commit", "5")
	model := first.save(t)
	first.quit(t)
	name := filepath.Join(dir, "app", "l.grafeo")
	if err := link(real, name); err != nil {
		t.Fatal(err)
	}
	w = startLive(t, version, name, filepath.Join(dir, "log"), "--model", model)
	w.do(t, "commit", "20")
	return w, real
}

// refusesUnseen demands that nothing is said of the database at path but where its log
// is, and that nothing is changed by it.
func refusesUnseen(t *testing.T, path string, words string) {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "archive")
	folder := filepath.Dir(path)
	before := names(t, folder)
	for _, args := range [][]string{{"backup", path, archive}, {"status", archive, path}, {"inspect", path}} {
		gbak(t, append(args, "--json")...).refused(t, "log_unseen", words)
	}
	if exists(archive) {
		t.Error("there is an archive of what was refused")
	}
	if diff := cmp.Diff(before, names(t, folder)); diff != "" {
		t.Errorf("%s has changed (-before +after):\n%s", folder, diff)
	}
}

// TestLogBesideAnotherName opens a database by a link, so that its log is beside the
// link, and gives the other name: the log is not seen, and nothing is called whole.
// By the name that it was opened by, everything is there.
func TestLogBesideAnotherName(t *testing.T) {
	for _, version := range versions {
		for name, link := range map[string]func(from, to string) error{"symbolic": os.Symlink, "hard": os.Link} {
			t.Run(version+"/"+name, func(t *testing.T) {
				t.Parallel()
				w, real := linked(t, version, link)
				refusesUnseen(t, real, w.logDir())
				third := filepath.Join(filepath.Dir(real), "third.grafeo")
				if err := os.Symlink(real, third); err != nil {
					t.Fatal(err)
				}
				refusesUnseen(t, third, w.logDir())
				if err := os.Remove(third); err != nil {
					t.Fatal(err)
				}
				if version == gen06 {
					gbak(t, "release", real, "--json").refused(t, "log_unseen", w.logDir())
				}

				at := newDirectory(t)
				must(t, "backup", w.path, at.address())
				all := momentsOf(t, w.log)
				reach(t, version, at, []goal{{nil, all[len(all)-1].Digest, -1, nil}})

				// An old log beside the given name is not the database's either.
				copyTree(t, w.logDir(), real+".wal")
				refusesUnseen(t, real, w.logDir())
			})
		}
	}
}

// TestLogBesideAnotherNameOfTheFolder kills a database that was open by a hard link:
// nobody has it open, and its log is beside the other name in the same folder.
func TestLogBesideAnotherNameOfTheFolder(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newLive(t, version)
			w.do(t, "commit", "5")
			other := filepath.Join(filepath.Dir(w.path), "other.grafeo")
			if err := os.Link(w.path, other); err != nil {
				t.Fatal(err)
			}
			refusesUnseen(t, other, w.logDir())
			w.kill(t)
			refusesUnseen(t, other, w.logDir())
			copyTree(t, w.logDir(), other+".wal")
			refusesUnseen(t, other, "two logs")
		})
	}
}

// TestLogFolderNotThere names databases whose log folder cannot be read.
func TestLogFolderNotThere(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newLive(t, version)
			w.do(t, "commit", "5")
			away := filepath.Join(t.TempDir(), "away")

			// An empty folder in its place, as an empty volume is.
			if err := os.Rename(w.logDir(), away); err != nil {
				t.Fatal(err)
			}
			refusesUnseen(t, w.path, away)
			if err := os.Mkdir(w.logDir(), 0o755); err != nil {
				t.Fatal(err)
			}
			refusesUnseen(t, w.path, away)
			if err := os.Remove(w.logDir()); err != nil {
				t.Fatal(err)
			}

			// A link to it, which is well, and to nothing.
			if err := os.Symlink(away, w.logDir()); err != nil {
				t.Fatal(err)
			}
			at := newDirectory(t)
			must(t, "backup", w.path, at.address())
			all := momentsOf(t, w.log)
			reach(t, version, at, []goal{{nil, all[len(all)-1].Digest, -1, nil}})
			w.kill(t)
			if err := os.Rename(away, away+"-gone"); err != nil {
				t.Fatal(err)
			}
			refusesUnseen(t, w.path, away)
			gbak(t, "backup", "--closed", w.path, at.address(), "--json").refused(t, "log_unseen", away)

			// A file.
			if err := os.Remove(w.logDir()); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(w.logDir(), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			refusesUnseen(t, w.path, w.logDir()+" is a file")
		})
	}
}

// TestOpenForReading opens databases only for reading: they have no log folder then, and
// need none.
func TestOpenForReading(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			db := create(t, version, "")
			want := db.state(t)
			w := spawn(t, version, "-e", `const { binding } = require('./grafeo/lib');
				const db = binding().GrafeoDB.openReadOnly(process.argv[1]); console.log('open'); process.stdin.resume();
				process.stdin.on('end', () => { db.close(); process.exit(0); });`, db.path)
			if line, _ := w.line(t); line != "open" {
				t.Fatalf("%s %s", line, w.stderr)
			}
			locks, err := os.ReadFile("/proc/locks")
			if err != nil || !strings.Contains(string(locks), "READ") {
				t.Fatalf("no shared lock: %v %s", err, locks)
			}
			at := newDirectory(t)
			must(t, "inspect", db.path)
			must(t, "backup", db.path, at.address())
			must(t, "status", at.address(), db.path)
			restores(t, at, want, version)
		})
	}
}

// TestJustOpened backs a database up again and again while it is opened and closed: in
// the moments in which it is locked and has no log yet, or no more, nothing is refused.
func TestJustOpened(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			db := create(t, version, "", "--commits", "3")
			w := spawn(t, version, "-e", `const { binding } = require('./grafeo/lib');
				const { GrafeoDB } = binding();
				let stop = false;
				process.stdin.resume(); process.stdin.on('end', () => { stop = true; });
				const turn = () => {
					GrafeoDB.open(process.argv[1]).close();
					if (stop) process.exit(0);
					setImmediate(turn);
				};
				console.log('turning');
				turn();`, db.path)
			if line, _ := w.line(t); line != "turning" {
				t.Fatalf("%s %s", line, w.stderr)
			}
			for range 15 {
				must(t, "inspect", db.path)
			}
			if err := w.in.Close(); err != nil {
				t.Fatal(err)
			}
			w.gone(t, 0)
		})
	}
}
