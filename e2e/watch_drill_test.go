//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// drilling is a watcher that drills an archive again and again, with a command that stands still
// once a file is there.
type drilling struct {
	scratch, hang, pid string
	archive            place
	config             string
}

func newDrilling(t *testing.T) *drilling {
	dir := t.TempDir()
	d := &drilling{
		scratch: filepath.Join(dir, "scratch"), hang: filepath.Join(dir, "hang"), pid: filepath.Join(dir, "pid"),
		archive: newDirectory(t), config: filepath.Join(dir, "watch.yaml"),
	}
	if err := os.Mkdir(d.scratch, 0o700); err != nil {
		t.Fatal(err)
	}
	check, database := filepath.Join(dir, "check"), filepath.Join(dir, "people.grafeo")
	script := fmt.Sprintf("#!/bin/sh\ntest -s \"$1\" || exit 1\nif test -e %q; then echo $$ > %q.new; mv %q.new %q; exec sleep 100000; fi\necho digest: test:1\n", d.hang, d.pid, d.pid, d.pid)
	if err := os.WriteFile(check, []byte(script), 0o755); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	copyFile(t, "../examples/social.grafeo", database)
	writeConfig(t, d.config, fmt.Sprintf(`
version: 1
defaults: {drill: {every: 1s, scratch: %q, exec: [%q, "{}"]}}
databases:
  - {path: %q, archive: %q}
`, d.scratch, check, database, d.archive.address()))
	return d
}

// hangs waits until a drill stands still, and returns the process of its command.
func (d *drilling) hangs(t *testing.T, w *watcher) int {
	t.Helper()
	if err := os.WriteFile(d.hang, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wait(t, w, "a drill that stands still", func() bool { _, err := os.Stat(d.pid); return err == nil })
	text, err := os.ReadFile(d.pid)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(d.pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

func (d *drilling) left(t *testing.T) []os.DirEntry {
	t.Helper()
	left, err := os.ReadDir(d.scratch)
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// TestWatchDrills: a watcher proves its archive, says so in its lines, and status does afterwards. When it
// stops, so does the command of a drill that stands still, and nothing of that drill is left.
func TestWatchDrills(t *testing.T) {
	t.Parallel()
	d := newDrilling(t)
	w := startWatch(t, "--config", d.config)
	proven := w.until("a drill", func(l line) bool { return l.Type == "drill" })
	if proven.Database != "people" || proven.Archive == "" || !strings.Contains(w.stdout.String(), `"digest":"test:1"`) {
		t.Errorf("%+v, %s", proven, w.stdout.String())
	}
	pid := d.hangs(t, w)
	w.stop().want(t, exitOK)
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the command goes on: %v", err)
	}
	if left := d.left(t); len(left) > 0 {
		t.Errorf("%s is left", left[0].Name())
	}
	r := must(t, "status", d.archive.address(), "--max-proof-age", "1h")
	if !strings.Contains(r.stdout, "restorable: epoch 19 of timeline 1") || !strings.Contains(r.stdout, "pinned by a drill") {
		t.Error(r.stdout)
	}
}

// TestWatchIsKilledInADrill: what a killed watcher leaves in its scratch folder, the next one removes with its
// first drill, and it needs no help to go on.
func TestWatchIsKilledInADrill(t *testing.T) {
	t.Parallel()
	d := newDrilling(t)
	w := startWatch(t, "--config", d.config)
	pid := d.hangs(t, w)
	w.kill()
	if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	left := d.left(t)
	if len(left) != 1 {
		t.Fatalf("%v", left)
	}
	if err := os.Remove(d.hang); err != nil {
		t.Fatal(err)
	}
	w = startWatch(t, "--config", d.config)
	w.until("a drill", func(l line) bool { return l.Type == "drill" })
	w.stop().want(t, exitOK)
	if left := d.left(t); len(left) > 0 {
		t.Errorf("%s is left", left[0].Name())
	}
}
