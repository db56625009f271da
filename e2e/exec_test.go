package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// besides starts `watch --restore --exec` with a command.
func besides(t testing.TB, version, database, archive string, flags []string, command ...string) *process {
	t.Helper()
	args := append([]string{"watch", "--restore", "--exec", "--store-timeout", "20s", database, archive}, flags...)
	return startCommand(t, exec.Command(binary, append(append(args, "--"), command...)...), "GRAFEO_VERSION="+version)
}

// app is the command line of a program that commits to a database of its own and closes it.
func (db *database) app(args ...string) []string {
	return append([]string{"node", filepath.Join("grafeo", "gen.js"), db.path, "--state", db.model, "--log", db.log}, args...)
}

// TestExec: a program in a container that loses its disk at each start goes on where it
// was, commit by commit, although it closes its database itself: 0.5 removes its log then.
func TestExec(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"0.5.42", "0.6.0"} {
		for _, p := range places {
			t.Run(version+", "+p.name, func(t *testing.T) {
				needGrafeo(t)
				at, dir := p.make(t), t.TempDir()
				db := &database{version, filepath.Join(dir, "disk", "people.grafeo"), filepath.Join(dir, "model"), filepath.Join(dir, "log")}
				for boot := range 3 {
					if err := os.MkdirAll(filepath.Dir(db.path), 0o700); err != nil {
						t.Fatal(err)
					}
					run := besides(t, version, db.path, at.address(), nil, db.app("--commits", "3", "--seed", strconv.Itoa(boot))...)
					if code := run.wait(t); code != exitOK {
						t.Fatalf("boot %d ends with %d: %s%s", boot, code, run.stdout, run.stderr)
					}
					if said := strings.Contains(run.stderr.String(), "there is no archive at this address"); said != (boot == 0) {
						t.Errorf("boot %d says %s", boot, run.stderr)
					}
					if err := os.RemoveAll(filepath.Dir(db.path)); err != nil { // the container is gone
						t.Fatal(err)
					}
					restored := filepath.Join(t.TempDir(), "people.grafeo")
					must(t, "restore", at.address(), restored)
					if got, want := inspect(t, version, restored), db.last(t); got.Digest != want.Digest {
						t.Fatalf("after boot %d the archive has %+v, and committed was %+v", boot, got, want)
					}
				}
				verifyClean(t, at, int64(len(must(t, "list", at.address(), "--json").answers(t))))
			})
		}
	}
}

// TestExecEnds: how it ends is for the command to say, and for the last backups only if
// the command says 0. A signal goes to the command.
func TestExecEnds(t *testing.T) {
	t.Parallel()
	db := create(t, "0.6.0", "--kill", "--commits", "2")
	want := db.state(t)
	t.Run("by itself", func(t *testing.T) {
		at := newDirectory(t)
		run := besides(t, db.version, db.path, at.address(), nil, "sh", "-c", "exit 7")
		if code := run.wait(t); code != 7 {
			t.Errorf("exit %d: %s", code, run.stderr)
		}
		restores(t, at, want, db.version)
	})
	t.Run("by a signal", func(t *testing.T) {
		at, ready := newDirectory(t), filepath.Join(t.TempDir(), "ready")
		run := besides(t, db.version, db.path, at.address(), nil, "sh", "-c", "trap 'exit 5' TERM; touch "+ready+"; while :; do sleep 0.01; done")
		for {
			if _, err := os.Stat(ready); err == nil {
				break
			}
			select {
			case <-run.done:
				t.Fatalf("it ended by itself: %s", run.stderr)
			case <-time.After(time.Millisecond):
			}
		}
		if code := run.end(t, syscall.SIGTERM); code != 5 {
			t.Errorf("exit %d: %s", code, run.stderr)
		}
		restores(t, at, want, db.version)
	})
	t.Run("before it begins", func(t *testing.T) {
		marker := filepath.Join(t.TempDir(), "marker")
		absent := filepath.Join(t.TempDir(), "people.grafeo")
		run := besides(t, db.version, absent, "s3://gbak-no-such-bucket/people?endpoint=http://127.0.0.1:1", nil, "touch", marker)
		if code := run.wait(t); code != exitError {
			t.Errorf("exit %d: %s", code, run.stderr)
		}
		run = besides(t, db.version, db.path, newDirectory(t).address(), nil, filepath.Join(t.TempDir(), "none"))
		if code := run.wait(t); code != exitError || !strings.Contains(run.stderr.String(), "cannot be started") {
			t.Errorf("exit %d: %s", code, run.stderr)
		}
		if _, err := os.Stat(marker); err == nil {
			t.Error("the command was started")
		}
	})
	t.Run("without its last backup", func(t *testing.T) {
		var away atomic.Bool
		p, _ := behindProxy(t, func(r *s3test.Request) s3test.Fault {
			if away.Load() && r.Op == storage.OpPut {
				return s3test.Fault{Status: 503, Code: "SlowDown"}
			}
			return s3test.Fault{}
		})
		away.Store(true)
		for code, script := range map[int]string{exitError: "exit 0", 4: "exit 4"} {
			run := besides(t, db.version, db.path, p.Address, []string{"--flush", "1s"}, "sh", "-c", script)
			if got := run.wait(t); got != code || !strings.Contains(run.stderr.String(), "not everything was stored") {
				t.Errorf("%s: exit %d: %s", script, got, run.stderr)
			}
		}
	})
}

// What cannot be run.
func TestExecUsage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, args := range [][]string{
		{"--exec", dir + "/db.grafeo", dir + "/a"},
		{"--exec", dir + "/db.grafeo", dir + "/a", "--"},
		{"--exec", "--once", dir + "/db.grafeo", dir + "/a", "--", "true"},
		{"--restore", "--check", dir + "/db.grafeo", dir + "/a"},
		{"--restore", "--root", dir + "/a", "--dir", dir},
	} {
		gbak(t, append([]string{"watch"}, args...)...).want(t, exitUsage)
	}
}

// With several archives, the first one that exists counts, and none after one of which
// nothing is known. Databases that are there stay as they are.
func TestWatchRestores(t *testing.T) {
	t.Parallel()
	db, other := create(t, "0.6.0", "", "--commits", "2"), create(t, "0.6.0", "", "--commits", "3")
	want, there := db.state(t), other.state(t)
	dir := t.TempDir()
	must(t, "backup", db.path, filepath.Join(dir, "nas", "people"))
	copyTree(t, filepath.Dir(other.path), filepath.Join(dir, "there"))
	run := func(archives string, left ...string) (target string, p *process) {
		target = filepath.Join(t.TempDir(), "people.grafeo")
		for _, name := range left {
			writeText(t, filepath.Join(filepath.Dir(target), ".people.grafeo.gbak-restore", name), "")
		}
		file := filepath.Join(t.TempDir(), "watch.yaml")
		writeText(t, file, "version: 1\ndatabases:\n"+
			"  - {path: "+filepath.Join(dir, "there", "people.grafeo")+", name: other, archive: "+filepath.Join(dir, "other")+"}\n"+
			"  - {path: "+target+", name: people, archives: ["+archives+"]}\n")
		p = startCommand(t, exec.Command(binary, "watch", "--restore", "--exec", "--config", file, "--", "true"))
		p.wait(t)
		return target, p
	}
	target, p := run(filepath.Join(dir, "nas", "new") + ", " + filepath.Join(dir, "nas", "people"))
	p.result().want(t, exitOK)
	holds(t, want, db.version, target)
	holds(t, there, other.version, filepath.Join(dir, "there", "people.grafeo"))
	// What a killed restore from the second one has left does not make the first one vanish.
	target, p = run(filepath.Join(dir, "nas", "new2")+", "+filepath.Join(dir, "nas", "people"), "lock")
	p.result().want(t, exitOK)
	holds(t, want, db.version, target)
	_, p = run(filepath.Join(dir, "nas", "new3"), "lock")
	p.result().want(t, exitNoArchive)
	target, p = run(filepath.Join(dir, "not mounted", "people") + ", " + filepath.Join(dir, "nas", "people"))
	p.result().want(t, exitNoArchive)
	if _, err := os.Stat(target); err == nil {
		t.Error("it was restored from an archive that may be older")
	}
}
