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
	for want, e := range map[string]*archiver.Error{
		"Free some space. The watcher then goes on by itself.":                              {Code: archiver.CodeDiskFull, Err: syscall.ENOSPC},
		"Nothing was changed. Run the same command again. The watcher does that by itself.": {Code: archiver.CodeFailed, Err: syscall.EIO, Hint: "Nothing was changed. Run the same command again."},
	} {
		if hint := adviceFor(watch.Event{Kind: watch.EventFailed, Code: e.Code, Err: e}); hint != want {
			t.Errorf("the advice is %q, want %q", hint, want)
		}
	}
}

// TestAdviceAboutADatabaseThatIsLost: nobody looks for a mistake in the path of a database that was
// backed up, and what the library knows better counts.
func TestAdviceAboutADatabaseThatIsLost(t *testing.T) {
	for _, c := range []struct {
		err   archiver.Error
		had   bool
		wants string
	}{
		{archiver.Error{Code: archiver.CodeNotFound}, true, "brings it back"},
		{archiver.Error{Code: archiver.CodeNotFound}, false, "Check the path"},
		{archiver.Error{Code: archiver.CodeNotFound, Hint: "Open it with 0.6."}, true, "Open it with 0.6."},
		{archiver.Error{Code: archiver.CodeNotDatabase}, true, "what has removed or overwritten it"},
		{archiver.Error{Code: archiver.CodeNotDatabase}, false, "Give the path"},
	} {
		c.err.Err = errors.New("x")
		if got := adviceFor(watch.Event{Kind: watch.EventFailed, Code: c.err.Code, Err: &c.err, WasSaved: c.had}); !strings.Contains(got, c.wants) {
			t.Errorf("%+v, %v: %q", c.err, c.had, got)
		}
	}
}
