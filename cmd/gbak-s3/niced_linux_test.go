package main

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestNiced: what is started has a lower priority, and this process has the one that it had.
func TestNiced(t *testing.T) {
	own := func() int {
		n, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := own()
	var out []byte
	var err error
	niced(func() { out, err = exec.Command("nice").Output() })
	if err != nil || strings.TrimSpace(string(out)) != "10" {
		t.Errorf("%s, %v", out, err)
	}
	if after := own(); after != before {
		t.Errorf("this process had the priority %d, and has %d", before, after)
	}
}
