package main

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// What writes refuses an address that only shows an archive, before it opens anything.
func TestWritersRefuseOldestVersions(t *testing.T) {
	t.Parallel()
	const oldest = "s3://bucket/people?versions=oldest"
	a, cmd := &app{log: slog.New(slog.DiscardHandler)}, &cobra.Command{}
	for name, err := range map[string]error{
		"keys": a.changeKeys(cmd, oldest, archiver.KeyChange{Rotate: true}),
		"copy": a.copyArchive(cmd, t.TempDir(), oldest, archiver.CopyOptions{}),
	} {
		if _, ok := errors.AsType[*usageError](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
