package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/watch"
)

// TestAdvice: what to do about an error is said once, again after a backup, and not at all
// about what passes.
func TestAdvice(t *testing.T) {
	var log bytes.Buffer
	a := newAdvice(slog.New(slog.NewTextHandler(&log, nil)))
	failed := func(code archiver.Code) watch.Event {
		e := watch.Event{Kind: watch.EventFailed, Target: watch.Target{Name: "people"}, Code: code, Err: &archiver.Error{Code: code, Err: errors.New("x")}}
		e.Hint = adviceFor(e)
		return e
	}
	// The program may be about to make it.
	yet := failed(archiver.CodeNotFound)
	yet.IsYet = true
	for i, step := range []struct {
		event watch.Event
		said  int
	}{
		{failed(archiver.CodeStore), 0},
		{yet, 0},
		{failed(archiver.CodeWrongDatabase), 1},
		{failed(archiver.CodeWrongDatabase), 1},
		{failed(archiver.CodeDamagedDatabase), 2},
		{failed(archiver.CodeWrongDatabase), 3},
		{watch.Event{Kind: watch.EventBackup, Target: watch.Target{Name: "people"}}, 3},
		{failed(archiver.CodeWrongDatabase), 4},
		{yet, 4},
		{failed(archiver.CodeNotFound), 5},
	} {
		a.on(step.event)
		if said := strings.Count(log.String(), "hint="); said != step.said {
			t.Errorf("after step %d there are %d hints, want %d: %s", i+1, said, step.said, &log)
		}
	}
}

// TestAdviceOfAWatcher: whoever is told to run the command again has it running.
func TestAdviceOfAWatcher(t *testing.T) {
	full := &archiver.Error{Code: archiver.CodeDiskFull, Err: syscall.ENOSPC}
	hint := adviceFor(watch.Event{Kind: watch.EventFailed, Code: full.Code, Err: full})
	if want := "Free some space and run the same command again. The watcher does that by itself."; hint != want {
		t.Errorf("the advice is %q, want %q", hint, want)
	}
}
