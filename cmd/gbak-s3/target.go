package main

import (
	"time"

	"github.com/spf13/cobra"

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
