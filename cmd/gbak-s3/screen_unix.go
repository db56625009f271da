//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// understandsEscapes reports whether a terminal understands escape sequences. All but TERM=dumb
// do.
func understandsEscapes(*os.File) bool { return true }

// isInFront reports whether the terminal is ours now: a run that was sent to the background
// shows nothing over what somebody types.
func isInFront(terminal *os.File) bool {
	group, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp() // no terminal of this session: whoever has made it so wants to see us
}
