package e2e

import (
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// TestWatchSignals: SIGUSR1 backs up at once, a second SIGTERM ends at once.
func TestWatchSignals(t *testing.T) {
	t.Parallel()
	w, address := newLive(t, "0.6.0"), newDirectory(t).address()
	w.do(t, "commit", "1")
	watch := startWatch(t, w.path, address, "--lag", "10h")
	watch.stored("people", lastEpoch(t, w), 0) // the first one is due at once
	watch.until("the state clean", func(l line) bool { return l.State == "clean" })
	w.do(t, "commit", "1")
	watch.until("the state dirty", func(l line) bool { return l.State == "dirty" })
	watch.signal(syscall.SIGUSR1)
	watch.stored("people", lastEpoch(t, w), 0)
	watch.stop().want(t, exitOK)
	w.quit(t)
}

// TestWatchStopsWithoutItsStore: what could not be stored is named, and the exit code
// says that something is missing.
func TestWatchStopsWithoutItsStore(t *testing.T) {
	t.Parallel()
	w := newLive(t, "0.6.0")
	var away atomic.Bool
	p, _ := behindProxy(t, func(*s3test.Request) s3test.Fault {
		if away.Load() {
			return s3test.Fault{Status: 503, Code: "SlowDown"}
		}
		return s3test.Fault{}
	})
	w.do(t, "commit", "1")
	watch := startWatch(t, w.path, p.Address, "--lag", "10h", "--flush", "2s", "--store-timeout", "1s")
	watch.stored("people", lastEpoch(t, w), 0)
	watch.until("the state clean", func(l line) bool { return l.State == "clean" })
	away.Store(true)
	w.do(t, "commit", "1")
	watch.until("the state dirty", func(l line) bool { return l.State == "dirty" })
	r := watch.stop().want(t, exitError)
	if !strings.Contains(r.stderr, "people") || !strings.Contains(r.stderr, "not everything was stored") {
		t.Errorf("what is not stored is not named: %s", r.stderr)
	}
	if stopped := watch.event("stopped"); len(stopped.Unsaved) != 1 || stopped.Unsaved[0].Database != "people" {
		t.Errorf("the event does not name it: %+v", stopped)
	}
	w.quit(t)
}

// TestWatchSecondSignal: who does not want to wait for the last backup sends a second
// signal.
func TestWatchSecondSignal(t *testing.T) {
	t.Parallel()
	w := newLive(t, "0.6.0")
	var hangs, hung atomic.Bool
	p, _ := behindProxy(t, func(*s3test.Request) s3test.Fault {
		if hangs.Load() {
			hung.Store(true)
		}
		return s3test.Fault{Hang: hangs.Load()}
	})
	w.do(t, "commit", "1")
	watch := startWatch(t, w.path, p.Address, "--lag", "10h", "--flush", "10h", "--store-timeout", "10h")
	watch.stored("people", lastEpoch(t, w), 0)
	hangs.Store(true)
	w.do(t, "commit", "1")
	watch.signal(syscall.SIGTERM)
	waitFor(t, "the last backup", hung.Load)
	watch.signal(syscall.SIGTERM)
	if r := watch.end(); r.code != -1 {
		t.Errorf("it ended with %d, and not by the signal: %s", r.code, r.stderr)
	}
	w.quit(t)
}

// TestWatchPortInUse: a watcher that cannot answer does not start.
func TestWatchPortInUse(t *testing.T) {
	t.Parallel()
	w, address := newLive(t, "0.6.0"), newDirectory(t).address()
	w.do(t, "commit", "1")
	first := startWatch(t, w.path, address, "--listen", "127.0.0.1:0")
	first.ready()
	port := portOf(t, first)
	other := newDirectory(t)
	r := startWatch(t, w.path, other.address(), "--listen", port).end().want(t, exitError)
	if !strings.Contains(r.stderr, "in use") {
		t.Errorf("the error does not say why: %s", r.stderr)
	}
	if _, err := os.Stat(other.root); !os.IsNotExist(err) {
		t.Error("it has begun to back up")
	}
	must(t, "health", "http://"+port)
	first.stop().want(t, exitOK)
	if r := gbak(t, "health", "http://"+port); r.code != exitError {
		t.Errorf("health of a watcher that is not there: %+v", r)
	}
	w.quit(t)
}

// portOf returns the address at which a watcher says that it answers. It says so before it is
// ready, and on another stream, so that this may be read later.
func portOf(t testing.TB, w *watcher) (address string) {
	t.Helper()
	waitFor(t, "where it answers", func() bool {
		_, after, _ := strings.Cut(w.stderr.String(), "address=")
		line, _, isWhole := strings.Cut(after, "\n")
		address = strings.TrimSpace(line)
		return isWhole
	})
	return address
}
