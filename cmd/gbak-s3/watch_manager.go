package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/gbak-s3/gbak-s3/internal/watch"
)

// manager tells whoever has started the watcher how it is: systemd, or another service
// manager that waits for a newline.
type manager struct {
	log     *slog.Logger
	state   func() watch.State
	ready   func()
	readyFD int

	told     bool          // there is somebody to tell
	watchdog time.Duration // how often to say that all is alive; 0 if nobody asks
}

const (
	readyPoll  = 50 * time.Millisecond
	statusPoll = 10 * time.Second
)

func newManager(log *slog.Logger, state func() watch.State, ready func(), readyFD int) *manager {
	m := &manager{log: log, state: state, ready: ready, readyFD: readyFD, told: os.Getenv("NOTIFY_SOCKET") != ""}
	if m.told {
		within, err := daemon.SdWatchdogEnabled(false)
		if err != nil {
			log.Warn("the service manager's watchdog is not understood", "err", err)
		}
		m.watchdog = within / 3
	}
	return m
}

// run tells until ctx ends.
func (m *manager) run(ctx context.Context) {
	if !m.untilReady(ctx) {
		return
	}
	m.log.Info("ready: each database was looked at")
	m.ready()
	m.notify("READY=1\n" + m.status())
	if m.readyFD > 0 {
		m.newline()
	}
	if !m.told {
		return
	}
	every := statusPoll
	if m.watchdog > 0 {
		every = min(every, m.watchdog)
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			m.alive()
		}
	}
}

// untilReady waits until each database was looked at. The watchdog is served meanwhile.
func (m *manager) untilReady(ctx context.Context) bool {
	ticker := time.NewTicker(readyPoll)
	defer ticker.Stop()
	for last := time.Now(); ; {
		state := m.state()
		if state.HasLooked() {
			return true
		}
		if m.watchdog > 0 && time.Since(last) >= m.watchdog {
			last = time.Now()
			m.alive()
		}
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
}

// alive tells the state and, only if every loop has turned within its time, that the
// watcher is alive.
func (m *manager) alive() {
	state := m.state()
	message := m.status()
	if m.watchdog > 0 && len(state.Stuck(time.Now())) == 0 {
		message += "\nWATCHDOG=1"
	}
	m.notify(message)
}

// status is one line for people.
func (m *manager) status() string {
	state := m.state()
	phases := map[watch.Phase]int{}
	var oldest time.Time
	for i := range state.Targets {
		t := &state.Targets[i]
		phases[t.Phase]++
		if !t.UnsavedSince.IsZero() && (oldest.IsZero() || t.UnsavedSince.Before(oldest)) {
			oldest = t.UnsavedSince
		}
	}
	line := "STATUS=" + plural(len(state.Targets), "archive")
	for _, phase := range watch.Phases {
		if n := phases[phase]; n > 0 {
			line += fmt.Sprintf(", %d %s", n, phase)
		}
	}
	if !oldest.IsZero() {
		line += fmt.Sprintf("; the oldest unsaved commit is of %s ago", took(time.Since(oldest).Round(time.Second)))
	}
	return line
}

// newline says to a manager that waits for one that the watcher is ready.
func (m *manager) newline() {
	f := os.NewFile(uintptr(m.readyFD), "ready-fd")
	if f == nil {
		m.log.Warn("there is no such file descriptor to say that the watcher is ready", "fd", m.readyFD)
		return
	}
	_, err := f.WriteString("\n")
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		m.log.Warn("it could not be said that the watcher is ready", "fd", m.readyFD, "err", err)
	}
}

func (m *manager) reloading() { m.notify("RELOADING=1\n" + daemon.SdNotifyMonotonicUsec()) }
func (m *manager) reloaded()  { m.notify("READY=1\n" + m.status()) }

// stopping says that the watcher ends, and how long the command may take.
func (m *manager) stopping(flush time.Duration) {
	const more = 15 * time.Second // for what has no clock: a disk that is slow
	m.notify(fmt.Sprintf("STOPPING=1\nEXTEND_TIMEOUT_USEC=%d\nSTATUS=storing what is new, within %s", (flush + more).Microseconds(), flush))
}

func (m *manager) notify(message string) {
	if !m.told {
		return
	}
	if _, err := daemon.SdNotify(false, message); err != nil {
		m.log.Debug("the service manager cannot be told", "err", err)
	}
}
