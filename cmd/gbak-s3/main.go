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

	// What an image FROM scratch lacks, for where the system has none of its own: the root
	// certificates of public stores, and the time zones of a policy.
	_ "time/tzdata"

	_ "golang.org/x/crypto/x509roots/fallback"
)

func main() {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	// The first signal ends the run cleanly; a second one ends the process.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
