package main

import "os"

// forwarded are the signals that are kept from ending the watcher while a command runs
// beside it: the console sends them to both.
var forwarded = []os.Signal{os.Interrupt}

// terminate is all that Windows has for a process.
var terminate = os.Kill

// exitOf returns the exit code of a process that has ended.
func exitOf(s *os.ProcessState) int { return s.ExitCode() }
