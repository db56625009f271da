//go:build !windows

package main

import (
	"os/exec"
	"syscall"
)

// lead makes a command the leader of a new process group.
func lead(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills a command and the process group that it leads, or what is left of these.
func killGroup(c *exec.Cmd) {
	_ = c.Process.Kill()                              // it may have ended, or left its group
	_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // there may be nothing left
}
