package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWatchReload: SIGHUP reads the file again. Databases come and go, those that stay
// are not touched, and a file that is wrong changes nothing.
func TestWatchReload(t *testing.T) {
	t.Parallel()
	a, b := newLive(t, "0.6.0"), newLiveAt(t, "0.6.0", "other.grafeo")
	first, second := newDirectory(t).address(), newDirectory(t).address()
	file := filepath.Join(t.TempDir(), "watch.yaml")
	head := "version: 1\ndefaults: {lag: 300ms}\ndatabases:\n"
	entry := func(w *live, address string) string {
		return fmt.Sprintf("  - {path: %q, archive: %q}\n", w.path, address)
	}
	a.do(t, "commit", "1")
	b.do(t, "commit", "1")

	writeConfig(t, file, head+entry(a, first))
	w := startWatch(t, "--config", file)
	w.stored("people", lastEpoch(t, a), 0)

	reloads := 0
	reload := func(text, want string) line {
		t.Helper()
		writeConfig(t, file, text)
		w.signal(syscall.SIGHUP)
		reloads++
		n := 0
		l := w.until("the reload", func(l line) bool {
			if l.Event == "reload" {
				n++
			}
			return n == reloads
		})
		if l.State != want {
			t.Errorf("the reload is %q, want %q: %+v", l.State, want, l)
		}
		return l
	}
	if l := reload(head+entry(a, first)+entry(b, first), "refused"); !strings.Contains(l.Why, file+":5: databases[1].archive") {
		t.Errorf("the reload does not say where the file is wrong: %+v", l)
	}
	a.do(t, "commit", "1")
	w.stored("people", lastEpoch(t, a), 0)

	reload(head+entry(a, first)+entry(b, second), "ok")
	w.stored("other", lastEpoch(t, b), 0)
	b.do(t, "commit", "1")
	w.stored("other", lastEpoch(t, b), 0)

	// A database that is left out is backed up once more.
	b.do(t, "commit", "1")
	reload(head+entry(a, first), "ok")
	w.stored("other", lastEpoch(t, b), 0)
	a.do(t, "commit", "1")
	w.stored("people", lastEpoch(t, a), 0)
	w.stop().want(t, exitOK)
	for _, l := range w.backups() {
		if l.Database == "people" && l.Kind == "full" && l.Seq != 1 {
			t.Errorf("a database that stayed was begun anew: %+v", l)
		}
	}
	restoresNewest(t, a, first)
	restoresNewest(t, b, second)
	a.quit(t)
	b.quit(t)
}

// TestWatchFolder: all databases below a folder are watched, those too that come later,
// and each has the archive that is named after it.
func TestWatchFolder(t *testing.T) {
	t.Parallel()
	needGrafeo(t)
	dir, logs, root := t.TempDir(), t.TempDir(), newBucket(t).address()
	open := func(version, name string) *live {
		t.Helper()
		path := filepath.Join(dir, filepath.FromSlash(name)+".grafeo")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		return startLive(t, version, path, filepath.Join(logs, strings.ReplaceAll(name, "/", "-")))
	}
	archive := func(name string) string {
		place, query, _ := strings.Cut(root, "?")
		return place + "/" + name + "?" + query
	}
	a := open("0.6.0", "people")
	a.do(t, "commit", "2")
	w := startWatch(t, "--root", root, "--dir", dir, "--lag", "300ms")
	w.stored("people", lastEpoch(t, a), 0)

	// Beside one that is watched, and in a folder that is new.
	b, c := open("0.5.42", "later"), open("0.6.0", "tenants/a b/data")
	b.do(t, "commit", "2")
	c.do(t, "commit", "2")
	w.stored("later", 0, 0)
	w.stored("tenants/a b", lastEpoch(t, c), 0) // as a server names it
	for _, l := range []*live{a, b, c} {
		l.do(t, "commit", "1")
	}
	w.stop().want(t, exitOK)
	restoresNewest(t, a, archive("people"))
	restoresNewest(t, b, archive("later"))
	restoresNewest(t, c, archive("tenants/a%20b"))
	for _, l := range []*live{a, b, c} {
		l.quit(t)
	}
}

// TestWatchTellsItsManager: systemd learns when the watcher is ready, that it is alive,
// that it reads its file again, and that it stops; a manager that waits for a newline
// gets one.
func TestWatchTellsItsManager(t *testing.T) {
	t.Parallel()
	w, address := newLive(t, "0.6.0"), newDirectory(t).address()
	w.do(t, "commit", "1")
	dir := t.TempDir()
	file := filepath.Join(dir, "watch.yaml")
	writeConfig(t, file, fmt.Sprintf("version: 1\ndatabases:\n  - {path: %q, archive: %q}\n", w.path, address))
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close() //nolint:errcheck // it was only read
	ready, told, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close() //nolint:errcheck // the same

	args := []string{"watch", "--json", "--config", file, "--ready-fd", "3"}
	cmd := exec.Command(binary, args...)
	cmd.Env = append(environment(), "NOTIFY_SOCKET="+filepath.Join(dir, "notify"), "WATCHDOG_USEC=300000")
	cmd.ExtraFiles = []*os.File{told}
	var stderr lockedBuffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = told.Close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })

	messages := func(what string, words ...string) {
		t.Helper()
		if err := socket.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		for buffer := make([]byte, 4096); ; {
			n, err := socket.Read(buffer)
			if err != nil {
				t.Fatalf("%s: %v\nstderr: %s", what, err, stderr.String())
			}
			all := true
			for _, word := range words {
				all = all && bytes.Contains(buffer[:n], []byte(word))
			}
			if all {
				return
			}
		}
	}
	messages("it is ready", "READY=1\n", "STATUS=1 archive")
	b := make([]byte, 2)
	if n, err := ready.Read(b); err != nil || string(b[:n]) != "\n" {
		t.Errorf("the manager that waits for a newline got %q: %v", b[:n], err)
	}
	messages("it is alive", "WATCHDOG=1", "STATUS=1 archive, 1 clean")
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	messages("it reloads", "RELOADING=1\nMONOTONIC_USEC=")
	messages("it has reloaded", "READY=1\n")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	messages("it stops", "STOPPING=1\nEXTEND_TIMEOUT_USEC=35000000\n")
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v: %s", err, stderr.String())
	}
	w.quit(t)
}

// TestWatchOfAnUnsafeStore: a watcher that can never make a backup says so at its start.
func TestWatchOfAnUnsafeStore(t *testing.T) {
	t.Parallel()
	w := newLive(t, "0.6.0")
	w.do(t, "commit", "1")
	p, _ := behindProxy(t, carelessStores["ignores"].hook)
	startWatch(t, w.path, p.Address, "--lag", "300ms").end().want(t, exitUnsafeStore)
	w.quit(t)
}
