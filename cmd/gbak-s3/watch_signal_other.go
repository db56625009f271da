//go:build !unix

package main

import "os"

// backUpNow is the signal by which a watcher is asked to back up at once: here is none.
var backUpNow os.Signal
