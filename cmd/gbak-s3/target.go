package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// target is the state of the database that flags name.
type target struct {
	backup, epoch uint64
	at            string // a time as the user wrote it
	timeline      int

	of   archiver.Target
	time *time.Time // that at means, nil if none was given
}

// add adds the flags that name a state.
func (t *target) add(flags *pflag.FlagSet) {
	flags.Uint64Var(&t.backup, "backup", 0, "number of the backup to restore (default the newest)")
	flags.Uint64Var(&t.epoch, "epoch", 0, "epoch to restore: the last commit at or before it")
	flags.StringVar(&t.at, "time", "",
		"time to restore, as list and status print it (UTC) or in RFC 3339: the last commit at or before it")
	flags.IntVar(&t.timeline, "timeline", 0, "timeline of the epoch or time (default the newest that has it)")
}

// check refuses numbers that name nothing.
func (t *target) check(cmd *cobra.Command) error {
	if cmd.Flags().Changed("backup") && t.backup == 0 {
		return usage("there is no backup 0", "Backups are numbered from 1; `gbak-s3 list` shows them.")
	}
	if cmd.Flags().Changed("timeline") && t.timeline < 1 {
		return usage("there is no timeline %d", "Timelines are numbered from 1; `gbak-s3 list` shows them.", t.timeline)
	}
	return nil
}

// read makes a target of the flags of cmd that were given.
func (t *target) read(cmd *cobra.Command) error {
	switch {
	case cmd.Flags().Changed("backup"):
		t.of = archiver.AtBackup(t.backup)
	case cmd.Flags().Changed("epoch"):
		t.of = archiver.AtEpoch(t.epoch)
	case cmd.Flags().Changed("time"):
		at, span, err := parseMoment(t.at)
		if err != nil {
			return err
		}
		t.time = &at
		t.of = archiver.AtTime(at).Within(span)
	}
	t.of = t.of.OnTimeline(t.timeline)
	return nil
}
