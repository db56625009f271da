package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// This file is about a command that runs beside the watcher (--exec), where a container has
// room for one process only. What the watcher does follows the command: it stops when the
// command has ended, and not before, as commits may come until then. Nothing here depends on
// being process 1, and processes that the command leaves behind are not waited for.

// execError is the error for a command that could not be started.
type execError struct{ err error }

func newExecError(err error) error {
	return &archiver.Error{Code: archiver.CodeFailed, Err: &execError{err}}
}

func (e *execError) Error() string { return "the command cannot be started: " + e.err.Error() }
func (e *execError) Unwrap() error { return e.err }

// besideCommand calls work, which calls start when it is ready: that starts the command.
// From then on signals go to the command, and whether ctx ends does not matter to work: its
// context ends when the command has ended. If work ends first, the command is asked to end.
// The exit code is the command's; only if that is 0, it is that of the error of work.
func (a *app) besideCommand(ctx context.Context, command []string, work func(ctx context.Context, start func() error) error) error {
	c := exec.Command(command[0], command[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, forwarded...)
	defer signal.Stop(signals)
	unheard := make(chan os.Signal, 1)
	defer signal.Stop(unheard)

	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	started, ended, worked := make(chan struct{}), make(chan error, 1), make(chan error, 1)
	start := func() error {
		if ctx.Err() != nil {
			return &archiver.Error{Code: archiver.CodeInterrupted, Err: fmt.Errorf("interrupted before the command was started: %w", context.Cause(ctx))}
		}
		signal.Notify(unheard, syscall.SIGPIPE) // if it was ignored, the command would ignore it
		if err := c.Start(); err != nil {
			return newExecError(err)
		}
		close(started)
		go func() { ended <- c.Wait() }()
		return nil
	}
	go func() { worked <- work(working, start) }()
	select {
	case <-started:
	case err := <-worked:
		return err
	}
	for {
		select {
		case s := <-signals:
			if !isOfTerminal(s) {
				_ = c.Process.Signal(s) // it may have ended
			}
		case err := <-worked:
			_ = c.Process.Signal(terminate)
			<-ended
			return err
		case err := <-ended:
			stop()
			return a.afterCommand(err, <-worked)
		}
	}
}

// afterCommand returns the end of a run whose command ended with the first error, and whose
// work with the second one.
func (a *app) afterCommand(command, work error) error {
	exit := 0
	if command != nil {
		exit = exitError
		if e, ok := errors.AsType[*exec.ExitError](command); ok {
			exit = exitOf(e.ProcessState)
		}
	}
	if exit == 0 {
		return work
	}
	if work != nil {
		a.fail(work, "")
	}
	return &answeredError{exit}
}

// isOfTerminal reports whether the terminal has sent a signal to the command, too: twice
// Ctrl-C often means something else than once.
func isOfTerminal(s os.Signal) bool {
	return s == os.Interrupt && term.IsTerminal(int(os.Stdin.Fd()))
}
