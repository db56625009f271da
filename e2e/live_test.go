package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// generation is "0.5" or "0.6".
func generation(version string) string { return version[:3] }

// moment is a line of live.js's log: one commit.
type moment struct {
	Run    int    `json:"run"`
	Commit int    `json:"commit"`
	Epoch  int64  `json:"epoch"`
	From   int64  `json:"from"` // the clock right before the commit, in ms
	To     int64  `json:"to"`   // and right after
	Digest string `json:"digest"`
}

// live is a process of the real Grafeo that has a database open and does what
// the test says.
type live struct {
	version, path, log string

	cmd    *exec.Cmd
	in     io.WriteCloser
	out    chan string // lines of its stdout, closed at its end
	stderr *bytes.Buffer
}

// startLive starts live.js and opens the database, and creates it if there is none.
func startLive(t testing.TB, version, path, log string, args ...string) *live {
	t.Helper()
	w := spawn(t, version, append([]string{filepath.Join("grafeo", "live.js"), path, log}, args...)...)
	w.path, w.log = path, log
	w.do(t, "open")
	return w
}

// newLive is startLive with a new database in a folder of its own.
func newLive(t testing.TB, version string) *live {
	t.Helper()
	return newLiveAt(t, version, "people.grafeo")
}

// newLiveAt is newLive for a database of another name: without .grafeo at its end,
// 0.5 makes a directory with a log.
func newLiveAt(t testing.TB, version, name string) *live {
	t.Helper()
	needGrafeo(t)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o755); err != nil {
		t.Fatal(err)
	}
	return startLive(t, version, filepath.Join(dir, "db", name), filepath.Join(dir, "log"))
}

// spawn runs node with pipes.
func spawn(t testing.TB, version string, args ...string) *live {
	t.Helper()
	w := &live{version: version, cmd: exec.Command("node", args...), out: make(chan string, 1000), stderr: &bytes.Buffer{}}
	w.cmd.Env, w.cmd.Stderr = append(os.Environ(), "GRAFEO_VERSION="+version), w.stderr
	in, err := w.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.in = in
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			w.out <- lines.Text()
		}
		_ = w.cmd.Wait() // how it ended is in ProcessState
		close(w.out)
	}()
	t.Cleanup(func() {
		_ = w.cmd.Process.Kill()
		for range w.out { // until it is gone
		}
	})
	return w
}

// reply is live.js's answer to one command.
type reply struct {
	OK      bool   `json:"ok"`
	Error   string `json:"error"`
	Commits int    `json:"commits"`
}

// try sends a command and returns the answer, which may be an error.
func (w *live) try(t testing.TB, command ...string) reply {
	t.Helper()
	w.send(t, strings.Join(command, " ")+"\n")
	line, ok := w.line(t)
	if !ok {
		t.Fatalf("Grafeo %s: %v: the process has gone: %v %s", w.version, command, w.cmd.ProcessState, w.stderr)
	}
	var r reply
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		t.Fatalf("live.js: %v: %q", err, line)
	}
	return r
}

// do is try for what must work.
func (w *live) do(t testing.TB, command ...string) reply {
	t.Helper()
	r := w.try(t, command...)
	if !r.OK {
		t.Fatalf("Grafeo %s: %v: %s", w.version, command, r.Error)
	}
	return r
}

func (w *live) send(t testing.TB, s string) {
	t.Helper()
	if _, err := io.WriteString(w.in, s); err != nil {
		t.Fatalf("%s: %v %s", w.cmd, err, w.stderr)
	}
}

// line is the next line of stdout; false if the process has ended.
func (w *live) line(t testing.TB) (string, bool) {
	t.Helper()
	select {
	case line, ok := <-w.out:
		return line, ok
	case <-time.After(patience):
		t.Fatalf("%s does not answer: %s", w.cmd, w.stderr)
		return "", false
	}
}

// save writes the model to a file, from which another process can continue.
func (w *live) save(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "model")
	w.do(t, "model", file)
	return file
}

// kill lets the process end with SIGKILL between two commits: in the middle of
// a checkpoint 0.5.42 itself sometimes leaves a database that does not open.
func (w *live) kill(t testing.TB) {
	t.Helper()
	w.send(t, "kill\n")
	w.gone(t, syscall.SIGKILL)
}

// quit closes the database and lets the process end.
func (w *live) quit(t testing.TB) {
	t.Helper()
	w.do(t, "close")
	if err := w.in.Close(); err != nil {
		t.Fatal(err)
	}
	w.gone(t, 0)
}

// gone waits for the end and insists on its kind: a signal, or 0 for exit 0.
func (w *live) gone(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if line, ok := w.line(t); ok {
		t.Fatalf("%s goes on: %s", w.cmd, line)
	}
	status, _ := w.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if w.stderr.Len() > 0 || signal != 0 && !(status.Signaled() && status.Signal() == signal) || signal == 0 && !w.cmd.ProcessState.Success() {
		t.Fatalf("%s: %v, %s", w.cmd, w.cmd.ProcessState, w.stderr)
	}
}

// momentsOf reads a log of live.js or gen.js, without a line that is being written.
func momentsOf(t testing.TB, log string) []moment {
	t.Helper()
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var all []moment
	for line := range bytes.Lines(b[:bytes.LastIndexByte(b, '\n')+1]) {
		var m moment
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		all = append(all, m)
	}
	return all
}

// until waits for the log to have an epoch.
func (w *live) until(t testing.TB, epoch int64) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if all := momentsOf(t, w.log); len(all) > 0 && all[len(all)-1].Epoch >= epoch {
			return
		}
	}
	t.Fatalf("Grafeo %s does not commit any more", w.version)
}

// intact opens the database that was written to: it holds all that was committed.
func (w *live) intact(t testing.TB) {
	t.Helper()
	all := momentsOf(t, w.log)
	if got := inspect(t, w.version, w.path); got.Digest != all[len(all)-1].Digest {
		t.Errorf("Grafeo %s: the database that was backed up does not hold what was committed: %+v", w.version, got)
	}
}
