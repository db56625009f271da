package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// line is a line of watch --json: a backup, or an event.
type line struct {
	answer

	Event   string `json:"event"`
	Archive string `json:"archive"`
	State   string `json:"state"`
	Pinned  any    `json:"pinned"` // of a drill, and not of a backup
	Unsaved []struct {
		Database string `json:"database"`
		Archive  string `json:"archive"`
	} `json:"unsaved"`
}

// watcher is a running `gbak-s3 watch`.
type watcher struct {
	t   testing.TB
	cmd *exec.Cmd

	mu     sync.Mutex
	more   sync.Cond
	lines  []line // all so far
	ended  bool   // its stdout
	err    error  // of Wait
	exited chan struct{}
	stdout lockedBuffer
	stderr lockedBuffer
}

// lockedBuffer is a buffer that is read while it is written to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startWatch starts a watcher. The test ends it, or its end does.
func startWatch(t testing.TB, args ...string) *watcher {
	t.Helper()
	return startWatchIn(t, environment(), args...)
}

func startWatchIn(t testing.TB, env []string, args ...string) *watcher {
	t.Helper()
	w := &watcher{t: t, cmd: exec.Command(binary, append([]string{"watch", "--json"}, args...)...), exited: make(chan struct{})}
	w.more.L = &w.mu
	w.cmd.Env, w.cmd.Stderr = env, &w.stderr
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go w.read(out)
	t.Cleanup(func() {
		_ = w.cmd.Process.Kill()
		<-w.exited
	})
	return w
}

func (w *watcher) read(out io.Reader) {
	in := bufio.NewReader(out)
	for {
		text, err := in.ReadBytes('\n')
		_, _ = w.stdout.Write(text)
		var l line
		if bad := json.Unmarshal(text, &l); err == nil && bad != nil {
			w.t.Errorf("watch printed %q: %v", text, bad)
		}
		w.mu.Lock()
		if err == nil {
			w.lines = append(w.lines, l)
		}
		w.ended = err != nil
		w.more.Broadcast()
		w.mu.Unlock()
		if err != nil {
			break
		}
	}
	w.err = w.cmd.Wait()
	close(w.exited)
}

// until waits for a line and returns it. It looks at those that have come already, too.
func (w *watcher) until(what string, is func(line) bool) line {
	w.t.Helper()
	late := time.AfterFunc(patience, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ended = true
		w.more.Broadcast()
	})
	defer late.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := 0; ; {
		for ; n < len(w.lines); n++ {
			if is(w.lines[n]) {
				return w.lines[n]
			}
		}
		if w.ended {
			w.t.Fatalf("%v: %s does not come\nstdout: %+v\nstderr: %s", w.cmd.Args, what, w.lines, w.stderr.String())
		}
		w.more.Wait()
	}
}

// ready waits until each database was looked at.
func (w *watcher) ready() { w.t.Helper(); w.event("ready") }

// event waits for the first event of a kind.
func (w *watcher) event(kind string) line {
	w.t.Helper()
	return w.until("the event "+kind, func(l line) bool { return l.Event == kind })
}

// backups returns the lines of backups so far.
func (w *watcher) backups() []line {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []line
	for _, l := range w.lines {
		if l.Type == "backup" {
			all = append(all, l)
		}
	}
	return all
}

// stored waits for a backup of a database that ends with this epoch or a later one, of
// those after the first n.
func (w *watcher) stored(database string, epoch int64, n int) line {
	w.t.Helper()
	seen := 0
	return w.until("a backup of "+database, func(l line) bool {
		if l.Type != "backup" || l.Database != database {
			return false
		}
		seen++
		return seen > n && l.EndEpoch >= epoch
	})
}

// signal sends a signal.
func (w *watcher) signal(s os.Signal) {
	w.t.Helper()
	if err := w.cmd.Process.Signal(s); err != nil {
		w.t.Fatal(err)
	}
}

// storedNow is [watcher.stored], and asks for a backup at once until it is there: full
// backups that nobody has planned, and those that openings of 0.5 need, would follow each
// other slowly.
func (w *watcher) storedNow(database string, epoch int64, n int) line {
	w.t.Helper()
	waitFor(w.t, "a backup of "+database, func() bool {
		w.signal(syscall.SIGUSR1)
		for i, b := range w.backups() {
			if i >= n && b.Database == database && b.EndEpoch >= epoch {
				return true
			}
		}
		return false
	})
	return w.stored(database, epoch, n)
}

// stop ends the watcher with SIGTERM and returns what it left.
func (w *watcher) stop() result {
	w.t.Helper()
	w.signal(syscall.SIGTERM)
	return w.end()
}

// end waits until the watcher has ended.
func (w *watcher) end() result {
	w.t.Helper()
	select {
	case <-w.exited:
	case <-time.After(patience):
		w.t.Fatalf("%v does not end\nstderr: %s", w.cmd.Args, w.stderr.String())
	}
	if exit := (*exec.ExitError)(nil); w.err != nil && !errors.As(w.err, &exit) {
		w.t.Fatal(w.err)
	}
	return result{w.cmd.Args[1:], "", w.stderr.String(), w.cmd.ProcessState.ExitCode()}
}

// kill ends the watcher with SIGKILL.
func (w *watcher) kill() {
	w.t.Helper()
	w.signal(syscall.SIGKILL)
	<-w.exited
}

// restoresEveryMoment restores each commit of a live database, by its epoch on the
// timelines where it is, and compares it with what was committed. It is for one run of
// the database: epochs are unique.
func restoresEveryMoment(t testing.TB, w *live, address string, stride int) {
	t.Helper()
	all := momentsOf(t, w.log)
	if len(all) == 0 {
		t.Fatal("nothing was committed")
	}
	for i := len(all) - 1; i >= 0; i -= stride {
		restoresMoment(t, w.version, all[i], address)
	}
}

// restoresNewest restores the newest state and compares it with the last commit.
func restoresNewest(t testing.TB, w *live, address string) {
	t.Helper()
	all := momentsOf(t, w.log)
	to := filepath.Join(t.TempDir(), "people.grafeo")
	must(t, "restore", address, to)
	if got := inspect(t, w.version, to); got.Digest != all[len(all)-1].Digest {
		t.Errorf("Grafeo %s: the newest state is %+v, committed was %+v", w.version, got, all[len(all)-1])
	}
}

func restoresMoment(t testing.TB, version string, m moment, address string) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "people.grafeo")
	// By time: in 0.5, epochs begin again with each run. Two commits in one millisecond
	// cannot be told apart that way, so the epoch is asked for where it is unique.
	args := []string{"restore", address, to, "--time", time.UnixMilli(m.To).UTC().Format("2006-01-02T15:04:05.999Z07:00")}
	if generation(version) == "0.6" {
		args = []string{"restore", address, to, "--epoch", itoa(m.Epoch)}
	}
	must(t, args...)
	if got := inspect(t, version, to); got.Digest != m.Digest {
		t.Errorf("Grafeo %s: commit %d is restored as %+v, committed was %+v", version, m.Commit, got, m)
	}
}

// writeConfig writes a file for --config.
func writeConfig(t testing.TB, path, text string) {
	t.Helper()
	// A file that is read while it is written must be the old or the new one.
	if err := os.WriteFile(path+".new", []byte(strings.TrimLeft(text, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}
