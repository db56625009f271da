// Command gbak-s3 archives Grafeo databases to S3, MinIO or a directory and
// restores them.
//
// It turns flags into one call of the library archiver, and what that returns
// into text or JSON on stdout; messages and progress go to stderr.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	_ "time/tzdata" // the time zones of a policy, for where the system has none, such as an image FROM scratch
)

func main() {
	bringRoots()
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	// The first signal ends the run cleanly; a second one ends the process.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
