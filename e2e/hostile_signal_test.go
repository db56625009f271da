package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// TestSignalsEndLikeCtrlC: whatever signal ends a run, it ends with 130 and leaves
// nothing. How far it has come is seen from what it has stored or written.
func TestSignalsEndLikeCtrlC(t *testing.T) {
	t.Parallel()
	db, whole := crashSource(t), newDirectory(t)
	want := db.state(t)
	must(t, append([]string{"backup", db.path, whole.root}, smallSegments...)...)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run("backup "+signal.String(), func(t *testing.T) {
			var at directory
			p := paused(t, func() bool { return stored(t, at) }, func() bool { return !exists(at.path("manifests")) }, func() *process {
				at = newDirectory(t)
				return startNice(t, append([]string{"backup", db.path, at.root, "--concurrency", "1", "--json"}, smallSegments...)...)
			})
			p.interrupt(t, signal)
			gbak(t, "list", at.root).want(t, exitNoArchive)
			if left := names(t, filepath.Join(at.root, ".tmp")); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
			must(t, append([]string{"backup", db.path, at.root}, smallSegments...)...)
			verifyClean(t, at, 1)
			restores(t, at, want, db.version)
		})
		t.Run("restore "+signal.String(), func(t *testing.T) {
			var target string
			staged := func() string {
				return filepath.Join(filepath.Dir(target), ".people.grafeo.gbak-restore", "image")
			}
			p := paused(t, func() bool { return exists(staged()) }, func() bool { return !exists(target) }, func() *process {
				target = filepath.Join(t.TempDir(), "people.grafeo")
				return startNice(t, "restore", whole.root, target, "--concurrency", "1", "--json")
			})
			p.interrupt(t, signal)
			// What was fetched stays for the next restore if that is 1 MiB or more.
			left := names(t, filepath.Dir(target))
			if len(left) > 0 && !exists(filepath.Join(filepath.Dir(staged()), "journal")) {
				t.Errorf("left: %v", left)
			}
			must(t, "restore", whole.root, target)
			holds(t, want, db.version, target)
			if exists(filepath.Dir(staged())) {
				t.Error("the next restore has left the hidden folder")
			}
		})
	}
	t.Run("nohup", func(t *testing.T) {
		var at directory
		p := paused(t, func() bool { return stored(t, at) }, func() bool { return !exists(at.path("manifests")) }, func() *process {
			at = newDirectory(t)
			args := append([]string{"backup", db.path, at.root, "--concurrency", "1"}, smallSegments...)
			return startCommand(t, exec.Command("nohup", append([]string{"nice", "-n", "19", binary}, args...)...))
		})
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		p.resume(t)
		p.result().want(t, exitOK)
		verifyClean(t, at, 1)
	})
}

// stored reports whether there is a segment in a directory.
func stored(t testing.TB, at directory) bool {
	t.Helper()
	for _, folder := range names(t, at.path("segments")) {
		if len(names(t, at.path("segments/"+folder))) > 0 {
			return true
		}
	}
	return false
}

// interrupt sends a signal to a stopped process, lets it continue, and expects that
// it ends as after Ctrl-C.
func (p *process) interrupt(t testing.TB, signal os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	p.resume(t)
	if f := p.result().want(t, exitInterrupted).failure(t); f.Code != "interrupted" {
		t.Errorf("%v: %+v", signal, f)
	}
}

// TestSecondSignalEndsAtOnce: the first one waits for the answer to a commit, the
// second one for nothing.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	db := create(t, "0.6.0", "--kill", "--nodes", "20", "--commits", "3")
	committing := make(chan struct{}, 10)
	proxy, _ := behindProxy(t, onCommit(func(_ *s3test.Request, put int) s3test.Fault {
		if put > 0 {
			committing <- struct{}{}
		}
		return s3test.Fault{Hang: true} // never an answer
	}))
	p := start(t, "backup", db.path, proxy.Address)
	select {
	case <-committing:
	case <-p.done:
		t.Fatalf("it ended before its commit: %s", p.stderr)
	case <-time.After(patience):
		t.Fatal("it does not commit")
	}
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	// That the first one was heard shows in nothing, so the second one is repeated.
	for begin := time.Now(); ; {
		select {
		case <-p.done:
			status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
			if !ok || !status.Signaled() || status.Signal() != syscall.SIGINT {
				t.Errorf("it was not the second signal that ended it: %v %s", p.cmd.ProcessState, p.stderr)
			}
			return
		case <-time.After(10 * time.Millisecond):
			if time.Since(begin) > patience {
				t.Fatal("it does not end")
			}
			_ = p.cmd.Process.Signal(syscall.SIGINT)
		}
	}
}

// TestNobodyListens: a backup that is committed has worked, and a restore that is
// done, even if the answer cannot be written. Commands that only answer have failed.
func TestNobodyListens(t *testing.T) {
	t.Parallel()
	db := create(t, "0.6.0", "--kill", "--nodes", "20", "--commits", "3")
	want := db.state(t)
	for where, redirect := range map[string]string{
		"a closed stdout":    ">&-",
		"a full disk":        ">/dev/full",
		"a broken pipe":      "|true", // see below
		"closed everything":  "<&- >&- 2>&-",
		"a broken pipe each": "2>&1|true",
	} {
		for _, form := range []string{"--json", "--log-level=debug"} {
			t.Run(where+" "+form, func(t *testing.T) {
				at, dir := newDirectory(t), t.TempDir()
				target, code := filepath.Join(dir, "people.grafeo"), filepath.Join(dir, "code")
				// In a pipe it begins when nobody reads any more, and its own exit
				// code is kept.
				script := `"$@" ` + redirect + `; echo $? >"$code"`
				if before, after, piped := strings.Cut(redirect, "|"); piped {
					script = `{ until [ -e "$code.gone" ]; do :; done; "$@" ` + before + `; echo $? >"$code"; } | { ` + after + `; exec <&-; : >"$code.gone"; }`
				}
				run := func(args ...string) string {
					cmd := exec.Command("sh", append([]string{"-c", "code=$1; shift; " + script, "sh", code}, append(args, form)...)...)
					_ = os.Remove(code + ".gone")
					r := finish(t, cmd)
					b, err := os.ReadFile(code)
					if err != nil {
						t.Fatalf("%v %+v", err, r)
					}
					if strings.Contains(r.stderr, "panic") {
						t.Errorf("%s", r.stderr)
					}
					return strings.TrimSpace(string(b))
				}
				if c := run(binary, "backup", db.path, at.root); c != "0" {
					t.Errorf("exit code %s of a backup that is committed", c)
				}
				verifyClean(t, at, 1)
				if c := run(binary, "restore", at.root, target); c != "0" {
					t.Errorf("exit code %s of a restore that is done", c)
				}
				holds(t, want, db.version, target)
				if c := run(binary, "release", db.path); c != "0" {
					t.Errorf("exit code %s of a release that is done", c)
				}
				if c := run(binary, "list", at.root); c == "0" && !strings.Contains(redirect, "&-") {
					t.Errorf("exit code 0 of a list that nobody has got")
				}
			})
		}
	}
	t.Run("it is said", func(t *testing.T) {
		at := newDirectory(t)
		r := finish(t, exec.Command("sh", "-c", `exec "$@" >/dev/full`, "sh", binary, "backup", db.path, at.root)).want(t, exitOK)
		if !strings.Contains(r.stderr, "no space left") || !strings.Contains(r.stderr, "backup 1") {
			t.Errorf("what could not be written is not told: %q", r.stderr)
		}
	})
}

// TestPoorEnvironments are those of cron jobs and small machines.
func TestPoorEnvironments(t *testing.T) {
	t.Parallel()
	db := mediumSource(t)
	want := db.state(t)
	const files = "ulimit -n 64 && exec "
	for name, script := range map[string]string{
		"64 files":        files + `"$@"`,
		"one processor":   `GOMAXPROCS=1 exec "$@"`,
		"no stdin":        `exec "$@" <&-`,
		"no home":         `unset HOME USER; exec "$@"`,
		"a false home":    `HOME=/dev/null/x exec "$@"`,
		"no temp folder":  `TMPDIR=/nonexistent exec "$@"`,
		"odd time zone":   `TZ=:America/St_Johns exec "$@"`,
		"false time zone": `TZ=Nowhere/At_All exec "$@"`,
		"odd language":    `LANG=tr_TR.ISO-8859-9 LC_ALL=xx exec "$@"`,
		"no variables":    `exec env -i "$@"`,
		"a folder gone":   `d=$(mktemp -d) && cd "$d" && rmdir "$d" && exec "$@"`,
	} {
		for _, p := range places {
			if p.name == "minio" && !slices.Contains([]string{"64 files", "no home", "a false home", "odd time zone"}, name) {
				continue // what is special there is files, configuration and signatures
			}
			t.Run(name+"/"+p.name, func(t *testing.T) {
				at, target := p.make(t), filepath.Join(t.TempDir(), "people.grafeo")
				for _, args := range [][]string{
					append([]string{"backup", db.path, at.address(), "--full"}, smallSegments...), {"list", at.address()}, {"status", at.address(), db.path},
					{"verify", "--deep", at.address()}, {"restore", at.address(), target},
				} {
					finish(t, exec.Command("sh", append([]string{"-c", script, "sh", binary}, args...)...)).want(t, exitOK)
				}
				holds(t, want, db.version, target)
			})
		}
	}
}

// TestFewFiles lets the command open fewer files than it needs, and then enough: that
// is never taken for anything missing or damaged.
func TestFewFiles(t *testing.T) {
	t.Parallel()
	db := mediumSource(t)
	want := db.state(t)
	at, target := newDirectory(t), filepath.Join(t.TempDir(), "people.grafeo")
	limited := func(n int, args ...string) bool {
		r := finish(t, exec.Command("sh", append([]string{"-c", `ulimit -n "$1" && shift && exec "$@"`, "sh", fmt.Sprint(n), binary}, append(args, "--json")...)...))
		if r.code != exitOK {
			if f := r.want(t, exitError).failure(t); !strings.Contains(f.Message, "too many open files") || !strings.Contains(f.Hint, "ulimit -n") {
				t.Errorf("with %d files: %s", n, r.stderr)
			}
		}
		return r.code == exitOK
	}
	few := 0
	for _, args := range [][]string{append([]string{"backup", db.path, at.root}, smallSegments...), {"verify", "--deep", at.root}, {"restore", at.root, target}} {
		n := 9
		for ; n < 64 && !limited(n, args...); n++ {
			few++
		}
		if n == 64 {
			t.Fatalf("%v: 64 files are not enough", args)
		}
	}
	if few == 0 {
		t.Error("9 files are enough: this test shows nothing")
	}
	verifyClean(t, at, 1)
	holds(t, want, db.version, target)
	onlyDatabase(t, target)
}
