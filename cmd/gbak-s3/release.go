package main

import (
	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
)

func (a *app) releaseCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "release DATABASE [ARCHIVE]",
		Short: "Let a database drop the log that it keeps for archives",
		Long: `release ends what a backup has begun: that the database keeps its log until the
archive has it. With ARCHIVE it ends that for one archive, else for all.
$GBAK_ARCHIVE does not count here. The next backup into the archive holds the log again, unless it is run with
--no-hold.`,
		Example: `  gbak-s3 release people.grafeo
  gbak-s3 release people.grafeo s3://backups/people`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usage("one or two arguments are needed", "Usage: "+cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.release(cmd, args) },
	}
}

func (a *app) release(cmd *cobra.Command, args []string) error {
	outliveReaders()
	var released bool
	var err error
	if len(args) == 1 {
		released, err = archiver.ReleaseAll(args[0])
	} else {
		var archive *archiver.Archive
		if archive, err = a.archive(cmd.Context(), args[1]); err == nil {
			released, err = archive.Release(cmd.Context(), args[0])
		}
	}
	if err != nil {
		return err
	}
	rest, _, _, err := archiver.Holds(args[0])
	if err != nil {
		return err
	}
	done := "nothing was held"
	if released {
		done = "the log of " + args[0] + " is released"
	}
	return a.answered(done, a.printRelease(args[0], released, rest))
}

func (a *app) printRelease(database string, released bool, rest []archiver.Hold) (err error) {
	if a.json {
		return a.say(map[string]any{"type": "release", "database": database, "released": released, "holds": append([]archiver.Hold{}, rest...)})
	}
	if !released {
		err = a.print("nothing was held")
	} else if len(rest) == 0 {
		err = a.print("%s keeps its log no longer than it needs it itself", database)
	}
	for _, h := range rest {
		if err == nil {
			err = a.print("%s still keeps its log for %s, from epoch %d on", database, nameOf(h), h.Epoch)
		}
	}
	return err
}
