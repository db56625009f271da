//go:build !windows

package main

import (
	"os"
	"syscall"
)

// forwarded are the signals that a command gets which runs beside the watcher. SIGHUP and
// SIGUSR1 are the watcher's own.
var forwarded = []os.Signal{syscall.SIGTERM, os.Interrupt, syscall.SIGQUIT, syscall.SIGUSR2, syscall.SIGWINCH}

const terminate = syscall.SIGTERM

// exitOf returns the exit code of a process that has ended, as shells do: 128 and the
// number of the signal that ended it.
func exitOf(s *os.ProcessState) int {
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return s.ExitCode()
}
