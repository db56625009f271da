package main

import (
	"cmp"
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// nicedCheckBy is [checkBy] for a watcher: the command yields to backups and to all else on the host. A
// timeout of 0 is the default. It is an error if the program is not there.
func nicedCheckBy(command []string, timeout time.Duration) (func(ctx context.Context, database string) (archiver.CheckResult, error), error) {
	if err := mustBeThere(command); err != nil {
		return nil, err
	}
	check := checkBy(command, cmp.Or(timeout, defaultCheckTimeout))
	return func(ctx context.Context, database string) (r archiver.CheckResult, err error) {
		niced(func() { r, err = check(ctx, database) })
		return r, err
	}, nil
}
