//go:build !windows

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// beside runs a shell script beside work, which by itself lasts until its context ends.
func beside(t *testing.T, script string, work func(context.Context) error) (exit int, stderr string, err error) {
	t.Helper()
	var out bytes.Buffer
	a := &app{out: output{stdout: &out, stderr: &out}}
	outer, cancel := context.WithCancel(t.Context())
	defer cancel()
	err = a.besideCommand(outer, []string{"/bin/sh", "-c", script}, func(ctx context.Context, start func() error) error {
		if err := start(); err != nil {
			return err
		}
		cancel() // the signal that has ended it is the command's business
		if work != nil {
			return work(ctx)
		}
		<-ctx.Done()
		return nil
	})
	if e, ok := errors.AsType[*answeredError](err); ok {
		exit = e.exit
	}
	return exit, out.String(), err
}

// The exit code is the command's, and that of the last backups only if it is 0.
func TestExitBesideACommand(t *testing.T) {
	unsaved := errors.New("not everything is stored")
	failing := func(ctx context.Context) error { <-ctx.Done(); return unsaved }
	for _, c := range []struct {
		script string
		work   func(context.Context) error
		exit   int
		err    error
	}{
		{"exit 0", nil, 0, nil},
		{"exit 7", nil, 7, nil},
		{"kill -TERM $$", nil, 143, nil},
		{"exit 0", failing, 0, unsaved},
		{"exit 7", failing, 7, nil},
	} {
		exit, stderr, err := beside(t, c.script, c.work)
		if exit != c.exit || c.err != nil && !errors.Is(err, c.err) || c.err == nil && (err != nil) != (c.exit != 0) {
			t.Errorf("%s: exit %d, %v", c.script, exit, err)
		}
		if said := strings.Contains(stderr, unsaved.Error()); said != (c.work != nil && c.exit != 0) {
			t.Errorf("%s: it says %q", c.script, stderr)
		}
	}
}

// Work goes on until the command has ended, which gets the signals.
func TestSignalsGoToTheCommand(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGUSR2} {
		ready := filepath.Join(t.TempDir(), "ready")
		script := "trap 'exit 9' " + map[syscall.Signal]string{syscall.SIGTERM: "TERM", syscall.SIGQUIT: "QUIT", syscall.SIGUSR2: "USR2"}[s] +
			"; touch '" + ready + "'; while :; do sleep 0.01; done"
		began := false
		exit, _, err := beside(t, script, func(ctx context.Context) error {
			for _, failed := os.Stat(ready); failed != nil && t.Context().Err() == nil; _, failed = os.Stat(ready) {
				time.Sleep(time.Millisecond)
			}
			began = ctx.Err() == nil
			if err := syscall.Kill(os.Getpid(), s); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		})
		if exit != 9 || !began {
			t.Errorf("%v: exit %d, %v; work went on: %v", s, exit, err, began)
		}
	}
}

// Without a watcher, a program does not go on.
func TestCommandEndsWithItsWork(t *testing.T) {
	broken := errors.New("broken")
	_, _, err := beside(t, "while :; do sleep 0.01; done", func(context.Context) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestCommandThatCannotStart(t *testing.T) {
	a := &app{}
	work := func(_ context.Context, start func() error) error { return start() }
	err := a.besideCommand(t.Context(), []string{filepath.Join(t.TempDir(), "none")}, work)
	if _, ok := errors.AsType[*execError](err); !ok || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	marker := filepath.Join(t.TempDir(), "marker")
	touch := []string{"/bin/sh", "-c", "touch '" + marker + "'"}
	broken := errors.New("broken")
	err = a.besideCommand(t.Context(), touch, func(context.Context, func() error) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("work that cannot begin: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err = a.besideCommand(ctx, touch, work); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted before: %v", err)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("the command was started")
	}
}
