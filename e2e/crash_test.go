package e2e

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// process is a run of the command that a test means to end.
type process struct {
	cmd    *exec.Cmd
	stdout *bytes.Buffer
	stderr *bytes.Buffer
	done   chan struct{} // closed when it is gone
}

// start runs the command without waiting for it.
func start(t testing.TB, args ...string) *process {
	t.Helper()
	return startCommand(t, exec.Command(binary, args...))
}

// startCommand starts cmd in the command's environment, and with what more there
// is in env.
func startCommand(t testing.TB, cmd *exec.Cmd, env ...string) *process {
	t.Helper()
	p := &process{cmd, &bytes.Buffer{}, &bytes.Buffer{}, make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = append(environment(), env...), p.stdout, p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
	})
	return p
}

// end sends a signal and waits. It returns the exit code, or -1 after SIGKILL.
func (p *process) end(t testing.TB, signal os.Signal) int {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	return p.wait(t)
}

func (p *process) wait(t testing.TB) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Fatalf("%s does not end: %s", p.cmd, p.stderr)
	}
	return p.cmd.ProcessState.ExitCode()
}

// result is what an ended run left.
func (p *process) result() result {
	return result{p.cmd.Args[1:], p.stdout.String(), p.stderr.String(), p.cmd.ProcessState.ExitCode()}
}

// killAt runs the command and kills it after delay. It reports whether it was
// still running then.
func killAt(t testing.TB, delay time.Duration, args ...string) bool {
	t.Helper()
	p := start(t, args...)
	select {
	case <-p.done:
		return false
	case <-time.After(delay):
	}
	return p.end(t, syscall.SIGKILL) != 0
}

// moments are delays spread at random over the time that a clean run took.
func moments(n int, clean time.Duration) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = time.Duration(rand.Float64() * 1.05 * float64(clean))
	}
	return all
}

// timed runs the command until it succeeds and returns how long that took.
func timed(t testing.TB, args ...string) time.Duration {
	t.Helper()
	begin := time.Now()
	must(t, args...)
	return time.Since(begin)
}

// crashSource is a database large enough that a kill hits every phase of a
// backup or a restore, with an image and a log.
func crashSource(t testing.TB) *database {
	t.Helper()
	db := create(t, "0.6.0", "", "--nodes", "600", "--pad", "4000", "--commits", "4")
	db.write(t, "--kill", "--nodes", "600", "--pad", "4000", "--commits", "1")
	return db
}

// TestKillRestore kills restores at random moments. The target is absent or
// whole, and the same command then works, without a trace of what was killed.
func TestKillRestore(t *testing.T) {
	t.Parallel()
	const kills = 30
	db := crashSource(t)
	want := db.state(t)
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			at := p.make(t)
			must(t, append([]string{"backup", db.path, at.address()}, smallSegments...)...)
			clean := timed(t, "restore", at.address(), filepath.Join(t.TempDir(), "people.grafeo"))
			hit := 0
			for i, moment := range moments(kills/len(places), clean) {
				target := filepath.Join(t.TempDir(), "people.grafeo")
				if killAt(t, moment, "restore", at.address(), target) {
					hit++
				}
				_, err := os.Stat(target)
				t.Logf("kill %d after %v of %v: beside the target: %v", i, moment, clean, names(t, filepath.Dir(target)))
				if err == nil {
					if diff := cmp.Diff(want, inspect(t, db.version, target)); diff != "" {
						t.Fatalf("killed after %v: the target is there and not whole (-original +restored):\n%s", moment, diff)
					}
					gbak(t, "restore", at.address(), target).want(t, exitTargetIs)
					continue
				}
				must(t, "restore", at.address(), target)
				if diff := cmp.Diff(want, inspect(t, db.version, target)); diff != "" {
					t.Fatalf("killed after %v: the second try differs (-original +restored):\n%s", moment, diff)
				}
				onlyDatabase(t, target)
			}
			if hit == 0 {
				t.Errorf("no kill hit a restore: %v is too short for this test", clean)
			}
		})
	}
}

// TestKillBackup kills backups at random moments: the archive opens, holds what
// was committed before and nothing in part, and the next backup works.
func TestKillBackup(t *testing.T) {
	t.Parallel()
	const kills = 15
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			at, db := p.make(t), crashSource(t)
			clean := timed(t, append([]string{"backup", db.path, at.address()}, smallSegments...)...)
			backups, hit := int64(1), 0
			after := db.state(t)
			for i, moment := range moments(kills, clean) {
				// Something new each time: a backup that was interrupted is continued,
				// and the next kill would find little left to do.
				before := after
				db.write(t, "--kill", "--nodes", "20", "--commits", "1")
				after = db.state(t)
				if killAt(t, moment, append([]string{"backup", db.path, at.address(), "--full"}, smallSegments...)...) {
					hit++
				}

				listed := int64(len(must(t, "list", at.address(), "--json").answers(t)))
				t.Logf("kill %d after %v of %v: %d backups", i, moment, clean, listed)
				want := before
				switch listed {
				case backups:
				case backups + 1:
					want = after
				default:
					t.Fatalf("killed after %v: there are %d backups, there were %d", moment, listed, backups)
				}
				verifyClean(t, at, listed)
				target := filepath.Join(t.TempDir(), "people.grafeo")
				must(t, "restore", at.address(), target)
				if diff := cmp.Diff(want, inspect(t, db.version, target)); diff != "" {
					t.Fatalf("killed after %v: the newest backup differs (-committed +restored):\n%s", moment, diff)
				}

				must(t, append([]string{"backup", db.path, at.address(), "--full"}, smallSegments...)...)
				backups = listed + 1
				must(t, "restore", at.address(), target, "--force")
				if diff := cmp.Diff(after, inspect(t, db.version, target)); diff != "" {
					t.Fatalf("killed after %v: the backup after it differs (-original +restored):\n%s", moment, diff)
				}
			}
			verifyClean(t, at, backups)
			if hit == 0 {
				t.Errorf("no kill hit a backup: %v is too short for this test", clean)
			}
		})
	}
}

// parts are the moments of Ctrl-C, as parts of a clean run.
var parts = []float64{0.3, 0.5, 0.7, 0.4, 0.6, 0.2, 0.8}

// interrupted runs the command and sends it what Ctrl-C sends, after a part of
// the time that a clean run takes. It reports whether the command was hit, and then
// insists on the exit code.
func interrupted(t testing.TB, part float64, clean time.Duration, args ...string) bool {
	t.Helper()
	p := start(t, append(args, "--json")...)
	select {
	case <-p.done:
	case <-time.After(time.Duration(part * float64(clean))):
	}
	switch code := p.end(t, os.Interrupt); code {
	case exitOK:
		return false
	case -1: // so early that it had not begun to listen
		return false
	default:
		r := p.result()
		if a := r.want(t, exitInterrupted).failure(t); a.Code != "interrupted" {
			t.Errorf("error code %q, want interrupted", a.Code)
		}
		return true
	}
}

// TestInterruptBackup presses Ctrl-C while a backup runs: exit code 130, no backup,
// no temporary files, and the same command then works.
func TestInterruptBackup(t *testing.T) {
	t.Parallel()
	db := crashSource(t)
	want := db.state(t)
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			clean := timed(t, append([]string{"backup", db.path, p.make(t).address()}, smallSegments...)...)
			hit := 0
			for _, part := range parts {
				at := p.make(t)
				command := append([]string{"backup", db.path, at.address()}, smallSegments...)
				if !interrupted(t, part, clean, command...) {
					continue
				}
				hit++
				if list := gbak(t, "list", at.address(), "--json"); list.code == exitOK {
					if list.stdout != "" {
						t.Errorf("there is a backup after exit code %d: %s", exitInterrupted, list.stdout)
					}
				} else {
					list.want(t, exitNoArchive)
				}
				if d, ok := at.(directory); ok {
					for _, name := range files(t, d.root) {
						if strings.HasPrefix(filepath.Base(name), ".") || strings.Contains(name, "tmp") {
							t.Errorf("left behind: %s", name)
						}
					}
				}
				must(t, command...)
				verifyClean(t, at, 1)
				target := filepath.Join(t.TempDir(), "people.grafeo")
				must(t, "restore", at.address(), target)
				if diff := cmp.Diff(want, inspect(t, db.version, target)); diff != "" {
					t.Errorf("the restored database differs (-original +restored):\n%s", diff)
				}
			}
			if hit == 0 {
				t.Errorf("no interrupt hit a backup: %v is too short for this test", clean)
			}
		})
	}
}

// TestInterruptRestore presses Ctrl-C while a restore runs: exit code 130, nothing
// where the database was to be, and beside it at most what was fetched; and the same
// command then works.
func TestInterruptRestore(t *testing.T) {
	t.Parallel()
	db := crashSource(t)
	want := db.state(t)
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			at := p.make(t)
			must(t, append([]string{"backup", db.path, at.address()}, smallSegments...)...)
			clean := timed(t, "restore", at.address(), filepath.Join(t.TempDir(), "people.grafeo"))
			hit := 0
			for _, part := range parts {
				target := filepath.Join(t.TempDir(), "people.grafeo")
				if !interrupted(t, part, clean, "restore", at.address(), target) {
					continue
				}
				hit++
				if left := names(t, filepath.Dir(target)); len(left) > 1 || len(left) == 1 && left[0] != ".people.grafeo.gbak-restore" {
					t.Errorf("an interrupted restore left %v", left)
				}
				must(t, "restore", at.address(), target)
				if diff := cmp.Diff(want, inspect(t, db.version, target)); diff != "" {
					t.Errorf("the restored database differs (-original +restored):\n%s", diff)
				}
			}
			if hit == 0 {
				t.Errorf("no interrupt hit a restore: %v is too short for this test", clean)
			}
		})
	}
}

// files lists all files below root by their paths in it, hidden ones too.
func files(t testing.TB, root string) []string {
	t.Helper()
	var all []string
	if _, err := os.Stat(root); os.IsNotExist(err) {
		return nil
	}
	for name, f := range snapshot(t, root) {
		if !f.mode.IsDir() {
			all = append(all, name)
		}
	}
	return all
}
