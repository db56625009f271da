package e2e

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hostileArchive is an archive with one backup of a small database.
func hostileArchive(t testing.TB) (*database, directory, state) {
	t.Helper()
	db, at := create(t, "0.6.0", "--kill", "--nodes", "50", "--commits", "4"), newDirectory(t)
	want := db.state(t)
	must(t, "backup", db.path, at.root)
	return db, at, want
}

// TestHostileTargets restores to paths where something is that is no plain
// database, without and with --force. In all of them dir is a folder with a file
// "precious" in it, beside which the target is.
func TestHostileTargets(t *testing.T) {
	t.Parallel()
	db, at, want := hostileArchive(t)
	link := func(to string) func(testing.TB, string) {
		return func(t testing.TB, target string) {
			if err := os.Symlink(to, target); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name   string
		target string // in dir
		make   func(t testing.TB, target string)
		plain  int    // exit code
		forced int    // with --force
		code   string // of the refusals
	}{
		{"a link to nothing", "people.grafeo", link("nowhere"), exitTargetIs, exitOK, "target_exists"},
		{"a link to a file", "people.grafeo", link("precious"), exitTargetIs, exitOK, "target_exists"},
		{"a link to itself", "people.grafeo", link("people.grafeo"), exitTargetIs, exitOK, "target_exists"},
		{"a link to a folder", "people.grafeo", link("."), exitTargetIs, exitOK, "target_exists"},
		{"a folder", "people.grafeo", func(t testing.TB, target string) {
			if err := errors.Join(os.Mkdir(target, 0o755), os.WriteFile(filepath.Join(target, "photo"), nil, 0o644)); err != nil {
				t.Fatal(err)
			}
		}, exitTargetIs, exitTargetIs, "target_exists"},
		{"a pipe", "people.grafeo", func(t testing.TB, target string) {
			if err := syscall.Mkfifo(target, 0o600); err != nil {
				t.Fatal(err)
			}
		}, exitTargetIs, exitTargetIs, "target_exists"},
		{"below a file", "precious/people.grafeo", nil, exitError, exitError, "failed"},
		{"below a link to nothing", "lost/people.grafeo", func(t testing.TB, target string) { link("nowhere")(t, filepath.Dir(target)) }, exitError, exitError, "failed"},
		{"a slash at the end", "people.grafeo/", nil, exitOK, exitOK, ""},
		{"dots on the way", "new/../other/./people.grafeo", nil, exitOK, exitOK, ""},
	}
	for _, tt := range tests {
		for _, force := range []bool{false, true} {
			name, args, exit := tt.name, []string{"--json"}, tt.plain
			if force {
				name, args, exit = name+", forced", append(args, "--force"), tt.forced
			}
			t.Run(name, func(t *testing.T) {
				dir := t.TempDir()
				target := dir + "/" + tt.target
				if err := os.WriteFile(filepath.Join(dir, "precious"), []byte("precious"), 0o644); err != nil {
					t.Fatal(err)
				}
				if tt.make != nil {
					tt.make(t, target)
				}
				before := names(t, dir)
				r := gbak(t, append([]string{"restore", at.root, target}, args...)...).want(t, exit)
				if exit != exitOK {
					if f := r.failure(t); f.Code != tt.code || strings.Contains(f.Hint, "debug") || exit == tt.forced && strings.Contains(f.Hint, "--force") {
						t.Errorf("%s", r.stderr)
					}
					if after := names(t, dir); strings.Join(after, "/") != strings.Join(before, "/") {
						t.Errorf("a refused restore left %v where %v was", after, before)
					}
				} else {
					path := filepath.Clean(target)
					if strings.HasSuffix(target, "/") { // a folder to put the database into
						path = filepath.Join(path, filepath.Base(db.path))
					}
					holds(t, want, db.version, path)
					if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
						t.Errorf("the restored database is no file: %v %v", info, err)
					}
				}
				if b, err := os.ReadFile(filepath.Join(dir, "precious")); err != nil || string(b) != "precious" {
					t.Errorf("the file beside the target: %q %v", b, err)
				}
			})
		}
	}
	t.Run("below a link to a folder", func(t *testing.T) {
		dir := t.TempDir()
		if err := errors.Join(os.Mkdir(filepath.Join(dir, "real"), 0o755), os.Symlink("real", filepath.Join(dir, "link"))); err != nil {
			t.Fatal(err)
		}
		must(t, "restore", at.root, filepath.Join(dir, "link", "people.grafeo"))
		holds(t, want, db.version, filepath.Join(dir, "real", "people.grafeo"))
		onlyDatabase(t, filepath.Join(dir, "real", "people.grafeo"))
	})
	t.Run("the database itself", func(t *testing.T) {
		before := snapshot(t, filepath.Dir(db.path))
		gbak(t, "restore", at.root, db.path, "--json").want(t, exitTargetIs)
		unchanged(t, before, filepath.Dir(db.path))
		target := filepath.Join(t.TempDir(), "link.grafeo")
		if err := os.Symlink(db.path, target); err != nil {
			t.Fatal(err)
		}
		gbak(t, "restore", at.root, target, "--json").want(t, exitTargetIs)
		must(t, "restore", at.root, target, "--force")
		holds(t, want, db.version, target)
		unchanged(t, before, filepath.Dir(db.path))
	})
}

// TestForceKeepsOpenDatabase: a database that a process has open is not moved
// away under it, also if the target is a link to it.
func TestForceKeepsOpenDatabase(t *testing.T) {
	t.Parallel()
	_, at, _ := hostileArchive(t)
	path := filepath.Join(t.TempDir(), "open.grafeo")
	must(t, "restore", at.root, path)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	// As the database does.
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(filepath.Dir(path), "link.grafeo")
	if err := os.Symlink("open.grafeo", link); err != nil {
		t.Fatal(err)
	}
	before := names(t, filepath.Dir(path))
	for _, target := range []string{path, link} {
		gbak(t, "restore", at.root, target, "--force", "--json").refused(t, "target_busy", target)
	}
	if after := names(t, filepath.Dir(path)); strings.Join(after, "/") != strings.Join(before, "/") {
		t.Errorf("refused restores left %v where %v was", after, before)
	}
}

// TestTargetIsArchive: a database is never put into an archive, nor an archive
// moved aside for one.
func TestTargetIsArchive(t *testing.T) {
	t.Parallel()
	db, at, want := hostileArchive(t)
	if err := os.Symlink(at.root, filepath.Join(filepath.Dir(at.root), "link")); err != nil {
		t.Fatal(err)
	}
	parent := filepath.Dir(at.root)
	before := snapshot(t, at.root)
	for _, target := range []string{
		at.root, at.root + "/", at.root + "/.", filepath.Join(parent, "link"), "file://" + at.root, parent,
		filepath.Join(at.root, "people.grafeo"), filepath.Join(at.root, "archive.json"), filepath.Join(at.root, "segments"),
		filepath.Join(at.root, "manifests", "0000000001.json"), filepath.Join(at.root, "new", "people.grafeo"),
		filepath.Join(parent, "link", "segments", "people.grafeo"), filepath.Join(at.root, ".tmp", "people.grafeo"),
	} {
		path, isURL := strings.CutPrefix(target, "file://")
		archive := at.root
		if isURL {
			archive = target
		}
		for _, force := range [][]string{nil, {"--force"}} {
			r := gbak(t, append([]string{"restore", archive, path, "--json"}, force...)...).want(t, exitUsage)
			if !strings.Contains(r.stderr, "archive") || r.failure(t).Code != "usage" {
				t.Errorf("%s", r.stderr)
			}
		}
	}
	for _, archive := range []string{db.path, db.path + ".wal", filepath.Join(db.path+".wal", "archive"), filepath.Join(db.path, "archive")} {
		r := gbak(t, "backup", db.path, archive, "--json")
		if r.code != exitUsage && r.code != exitError {
			t.Errorf("backup to %s: %+v", archive, r)
		}
	}
	unchanged(t, before, at.root)
	verifyClean(t, at, 1)
	restores(t, at, want, db.version)
}

// TestTwoRestoresToOneTarget stops one of two restores in the middle: the other
// one says so, and the first one ends well.
func TestTwoRestoresToOneTarget(t *testing.T) {
	t.Parallel()
	db, at := crashSource(t), newDirectory(t)
	must(t, append([]string{"backup", db.path, at.root}, smallSegments...)...)
	want := db.state(t)
	target := filepath.Join(t.TempDir(), "people.grafeo")
	image := filepath.Join(filepath.Dir(target), ".people.grafeo.gbak-restore", "image")
	p := paused(t, func() bool { return exists(image) }, func() bool { return !exists(target) }, func() *process {
		if err := os.RemoveAll(target); err != nil {
			t.Fatal(err)
		}
		return startNice(t, "restore", at.root, target, "--concurrency", "1")
	})
	gbak(t, "restore", at.root, target, "--json").refused(t, "target_busy", target)
	gbak(t, "restore", at.root, target, "--force", "--json").refused(t, "target_busy", target)
	p.resume(t)
	p.result().want(t, exitOK)
	holds(t, want, db.version, target)
	onlyDatabase(t, target)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// paused starts a run and stops the process as soon as reached says so. If still
// does not hold then, the run was too fast, and another one is started.
func paused(t testing.TB, reached, still func() bool, begin func() *process) *process {
	t.Helper()
	for range 100 {
		p := begin()
		for running := true; running && !reached(); {
			select {
			case <-p.done:
				running = false
			case <-time.After(50 * time.Microsecond):
			}
		}
		if err := p.cmd.Process.Signal(syscall.SIGSTOP); err == nil && still() && reached() {
			return p
		}
		_ = p.end(t, syscall.SIGKILL)
	}
	t.Fatal("no run could be stopped in the middle")
	return nil
}

// startNice is start for a run that is to be stopped: on a busy machine it gets
// less of it than the test.
func startNice(t testing.TB, args ...string) *process {
	t.Helper()
	return startCommand(t, exec.Command("nice", append([]string{"-n", "19", binary}, args...)...))
}

// resume lets a stopped process continue to its end.
func (p *process) resume(t testing.TB) {
	t.Helper()
	p.end(t, syscall.SIGCONT)
}
