//go:build unix

package main

import (
	"os"
	"syscall"
)

// backUpNow is the signal by which a watcher is asked to back up at once.
var backUpNow os.Signal = syscall.SIGUSR1
