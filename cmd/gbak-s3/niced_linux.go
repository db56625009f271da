package main

import (
	"runtime"
	"syscall"
)

// niceness is how much less of the processor a command gets than others: half of what there is.
const niceness = 10

// niced calls do so that the processes which it starts yield to all others. On Linux, a thread has
// a priority of its own, which its children inherit: this one is not used for anything afterwards.
func niced(do func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, niceness)
		do()
	}()
	<-ended
}
