package main

import (
	"os/exec"
	"syscall"
)

// lead keeps what the console sends to this process from a command.
func lead(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// killGroup kills the command. Windows has no groups that end together: what it has started goes on.
func killGroup(c *exec.Cmd) {
	_ = c.Process.Kill() // it may have ended
}
