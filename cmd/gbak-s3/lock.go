package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// lockFlags say how backups are planned with the locks of a bucket.
type lockFlags struct {
	keep string
	days int
}

func (f *lockFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.keep, "lock-keep", "",
		"in a bucket with object lock: keep each backup restorable for this long, such as 30d, even if somebody tries to delete it")
	flags.IntVar(&f.days, "lock-days", 0,
		"for --lock-keep: for how many days the bucket locks objects, if permission to read that is missing")
}

// maxLockDays is longer than any store locks by default.
const maxLockDays = 36525

// read returns for how long backups are kept, and for how long objects are locked; 0 for
// what was not given.
func (f *lockFlags) read(cmd *cobra.Command) (keep, length time.Duration, err error) {
	const hint = "Give a number with its unit, such as --lock-keep 30d."
	if cmd.Flags().Changed("lock-keep") {
		if keep, err = archiver.ParseAge(f.keep); err != nil {
			return 0, 0, usage("--lock-keep %w", hint, err)
		}
		if keep <= 0 {
			return 0, 0, usage("--lock-keep %s cannot be used", hint, f.keep)
		}
	}
	if cmd.Flags().Changed("lock-days") {
		if keep == 0 {
			return 0, 0, usage("--lock-days is of no use without --lock-keep", hint)
		}
		if f.days < 1 || f.days > maxLockDays {
			return 0, 0, usage("--lock-days %d cannot be used", "Give the days of the bucket's default retention.", f.days)
		}
		length = time.Duration(f.days) * 24 * time.Hour
	}
	return keep, length, nil
}
