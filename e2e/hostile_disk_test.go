package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDiskFullRestore restores to file systems with too little of everything:
// nothing is left, what was there stays, and with more space the same command
// works.
func TestDiskFullRestore(t *testing.T) {
	t.Parallel()
	db := crashSource(t)
	want := db.state(t)
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			at := p.make(t)
			must(t, append([]string{"backup", db.path, at.address()}, smallSegments...)...)
			v := newVolume(t, "size=1m")
			target := filepath.Join(v.path, "people.grafeo")
			restore := func(more ...string) result {
				return v.gbak(t, append([]string{"restore", at.address(), target, "--json"}, more...)...)
			}
			for _, size := range []string{"64k", "2m", "11m"} {
				v.remount(t, "size="+size)
				restore().refused(t, "disk_full", "no space left")
				restore("--epoch", "4").refused(t, "disk_full", "no space left")
				if left := names(t, v.seen); len(left) != 0 {
					t.Errorf("a restore that found a full disk left %v", left)
				}
			}
			v.remount(t, "size=64m")
			restore().want(t, exitOK)
			holds(t, want, db.version, filepath.Join(v.seen, "people.grafeo"))

			// What --force would replace stays where it is.
			before := snapshot(t, v.seen)
			empty := v.fill(t)
			restore("--force").refused(t, "disk_full", "no space left")
			empty()
			delete(before, ".") // the folder's own time
			after := snapshot(t, v.seen)
			delete(after, ".")
			if len(before) != len(after) || before["people.grafeo"] != after["people.grafeo"] {
				t.Errorf("a forced restore that found a full disk changed what was there")
			}
			holds(t, want, db.version, filepath.Join(v.seen, "people.grafeo"))
		})
	}
}

// TestInodesExhausted goes up from no free inode to as many as a restore and a
// backup need.
func TestInodesExhausted(t *testing.T) {
	t.Parallel()
	db := mediumSource(t)
	want := db.state(t)
	at := newDirectory(t)
	must(t, append([]string{"backup", db.path, at.address()}, smallSegments...)...)
	v := newVolume(t, "size=64m")
	used := 1 // by the volume's own folder
	upTo := func(t *testing.T, command ...string) {
		for n := used; n < used+60; n++ {
			v.remount(t, fmt.Sprintf("nr_inodes=%d", n))
			r := v.gbak(t, append(command, "--json")...)
			if r.code == exitOK {
				if n == used {
					t.Errorf("it needs no inode")
				}
				v.remount(t, "nr_inodes=1000")
				return
			}
			r.refused(t, "disk_full", "no space left")
		}
		t.Fatal("60 inodes are not enough")
	}
	t.Run("restore", func(t *testing.T) {
		upTo(t, "restore", at.address(), filepath.Join(v.path, "people.grafeo"))
		holds(t, want, db.version, filepath.Join(v.seen, "people.grafeo"))
		onlyDatabase(t, filepath.Join(v.seen, "people.grafeo"))
		v.run(t, "sh", "-c", `rm -r "$1"/*`, "sh", v.path)
	})
	t.Run("backup", func(t *testing.T) {
		upTo(t, append([]string{"backup", db.path, filepath.Join(v.path, "archive")}, smallSegments...)...)
		seen := directory{filepath.Join(v.seen, "archive")}
		verifyClean(t, seen, 1)
		restores(t, seen, want, db.version)
	})
}

// TestDiskFullBackup backs up to an archive on a full disk: no backup, nothing
// begun in the database, the backups before stay whole, and with more space the
// same command continues where it was.
func TestDiskFullBackup(t *testing.T) {
	t.Parallel()
	db := crashSource(t)
	first := db.state(t)
	v := newVolume(t, "size=1m")
	at := directory{filepath.Join(v.seen, "archive")} // for the test
	backup := func(t *testing.T) result {
		return v.gbak(t, append([]string{"backup", db.path, filepath.Join(v.path, "archive"), "--json"}, smallSegments...)...)
	}
	before := snapshot(t, filepath.Dir(db.path))
	log := before["people.grafeo.wal"]
	for _, size := range []string{"4k", "500k", "4m"} {
		v.remount(t, "size="+size)
		backup(t).refused(t, "disk_full", "no space left")
		gbak(t, "list", at.address()).want(t, exitNoArchive)
		if left := names(t, filepath.Join(at.root, ".tmp")); len(left) != 0 {
			t.Errorf("files that nobody needs: %v", left)
		}
		after := snapshot(t, filepath.Dir(db.path))
		after["people.grafeo.wal"] = log // whose time shows that a hold came and went
		for name, f := range after {
			if before[name] != f {
				t.Errorf("a backup that failed changed %s of the database", name)
			}
		}
	}
	v.remount(t, "size=64m")
	done := backup(t).want(t, exitOK).one(t, "backup")
	if done.Seq != 1 || done.Kind != "full" {
		t.Errorf("not the first backup: %+v", done)
	}
	verifyClean(t, at, 1)
	restores(t, at, first, db.version)

	db.write(t, "--kill", "--seed", "5", "--commits", "5")
	second := db.state(t)
	empty := v.fill(t)
	backup(t).refused(t, "disk_full", "no space left")
	verifyClean(t, at, 1)
	restores(t, at, first, db.version)
	empty()
	if done := backup(t).want(t, exitOK).one(t, "backup"); done.Seq != 2 || done.Kind != "incremental" {
		t.Errorf("the backup after the full disk: %+v", done)
	}
	verifyClean(t, at, 2)
	restores(t, at, second, db.version)
	restores(t, at, first, db.version, "--backup", "1")
}

// TestFileSizeLimit is a limit of the process (ulimit -f), which the system
// reports in another way than a full disk, and at the first large file.
func TestFileSizeLimit(t *testing.T) {
	t.Parallel()
	db := mediumSource(t)
	want := db.state(t)
	at, target := newDirectory(t), filepath.Join(t.TempDir(), "people.grafeo")
	limited := func(args ...string) result {
		return finish(t, exec.Command("prlimit", append([]string{"--fsize=100000", "--", binary}, args...)...))
	}
	limited("backup", db.path, at.address(), "--json").refused(t, "disk_full", "file too large")
	gbak(t, "list", at.address()).want(t, exitNoArchive)
	must(t, append([]string{"backup", db.path, at.address()}, smallSegments...)...)
	limited("restore", at.address(), target, "--json").refused(t, "disk_full", "file too large")
	if left := names(t, filepath.Dir(target)); len(left) != 0 {
		t.Errorf("a restore beyond the limit left %v", left)
	}
	must(t, "restore", at.address(), target)
	holds(t, want, db.version, target)
}

// TestDiskFullInLogFolder: that the log cannot be held is no reason not to back
// up. The run says so, and the next one makes up for it.
func TestDiskFullInLogFolder(t *testing.T) {
	t.Parallel()
	for _, ending := range []string{"", "--kill"} {
		t.Run("ended by "+ending, func(t *testing.T) {
			db := create(t, "0.6.0", ending, "--nodes", "50", "--commits", "4")
			want := db.state(t)
			v, at := newVolume(t, "size=2m"), newDirectory(t)
			copyTree(t, filepath.Dir(db.path), filepath.Join(v.seen, "db"))
			empty := v.fill(t)
			before := snapshot(t, filepath.Join(v.seen, "db"))
			r := v.gbak(t, "backup", filepath.Join(v.path, "db", "people.grafeo"), at.address(), "--json").want(t, exitOK)
			if !strings.Contains(r.stderr, "does not hold its log") || !strings.Contains(r.stderr, "no space left") {
				t.Errorf("not a word on the log that is not held: %s", r.stderr)
			}
			if strings.Contains(r.stdout, "hold_began") {
				t.Errorf("a hold that there is not: %s", r.stdout)
			}
			for name, f := range snapshot(t, filepath.Join(v.seen, "db")) {
				if was := before[name]; !f.mode.IsDir() && was != f {
					t.Errorf("a backup changed %s", name)
				}
			}
			verifyClean(t, at, 1)
			restores(t, at, want, db.version)
			empty()
			r = v.gbak(t, "backup", filepath.Join(v.path, "db", "people.grafeo"), at.address(), "--json").want(t, exitOK)
			if r.stderr != "" || !strings.Contains(r.stdout, `"hold_began":true`) {
				t.Errorf("with space the log is not held: %s %s", r.stdout, r.stderr)
			}
		})
	}
}

// TestReadOnlyFileSystem puts archive, database and target in turn where nothing
// can be written.
func TestReadOnlyFileSystem(t *testing.T) {
	t.Parallel()
	db := create(t, "0.6.0", "--kill", "--nodes", "50", "--commits", "4")
	v := newVolume(t, "size=32m")
	inside, source := filepath.Join(v.path, "archive"), filepath.Join(v.path, "db", "people.grafeo")
	v.gbak(t, "backup", db.path, inside).want(t, exitOK)
	copyTree(t, filepath.Dir(db.path), filepath.Join(v.seen, "db"))
	want := db.state(t)
	v.remount(t, "ro")
	before := snapshot(t, v.seen)

	for _, args := range [][]string{
		{"list", inside}, {"verify", inside}, {"verify", inside, "--deep", "--no-certificate"}, {"status", inside}, {"status", inside, source}, {"inspect", source},
		{"restore", inside, filepath.Join(t.TempDir(), "people.grafeo")}, {"restore", inside, filepath.Join(t.TempDir(), "p.grafeo"), "--plan"},
		{"backup", db.path, inside}, // nothing is new
	} {
		if r := v.gbak(t, args...).want(t, exitOK); r.stderr != "" {
			t.Errorf("%v: %s", args, r.stderr)
		}
	}
	if r := v.gbak(t, "verify", inside, "--sample", "5%").want(t, exitOK); !strings.Contains(r.stderr, "no certificate could be left") {
		t.Errorf("of a certificate that cannot be left: %s", r.stderr)
	}
	v.gbak(t, "restore", inside, filepath.Join(v.path, "db", "other.grafeo"), "--json").refused(t, "permission_denied", "read-only file system")
	v.gbak(t, "restore", inside, filepath.Join(v.path, "new", "other.grafeo"), "--json").refused(t, "permission_denied", "read-only file system")
	v.gbak(t, "restore", inside, source, "--force", "--json").refused(t, "permission_denied", "read-only file system")
	v.gbak(t, "release", source, "--json").refused(t, "permission_denied", "read-only file system")
	v.gbak(t, "backup", db.path, inside, "--full", "--json").refused(t, "permission_denied", "read-only file system")

	elsewhere := newDirectory(t)
	r := v.gbak(t, "backup", source, elsewhere.address()).want(t, exitOK)
	if !strings.Contains(r.stderr, "read-only file system") || strings.Contains(r.stdout, "from now on the database keeps its log") {
		t.Errorf("of a log that cannot be held: %s%s", r.stderr, r.stdout)
	}
	restores(t, elsewhere, want, db.version)
	v.gbak(t, "backup", source, filepath.Join(v.path, "second"), "--json").refused(t, "permission_denied", "read-only file system")
	unchanged(t, before, v.seen)

	v.remount(t, "rw")
	db.write(t, "--kill", "--nodes", "5", "--commits", "1")
	v.gbak(t, "backup", db.path, inside).want(t, exitOK)
	verifyClean(t, directory{filepath.Join(v.seen, "archive")}, 2)
	if err := os.RemoveAll(filepath.Join(v.seen, "db")); err != nil {
		t.Fatal(err)
	}
	v.gbak(t, "restore", inside, source).want(t, exitOK)
	holds(t, db.state(t), db.version, filepath.Join(v.seen, "db", "people.grafeo"))
}
