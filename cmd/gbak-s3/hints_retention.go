package main

import "github.com/gbak-s3/gbak-s3/archiver"

// retaining are the commands that say which backups stay.
var retaining = []string{"expire", "policy", "pin", "unpin", "compact"}

// retention is what may go wrong only where it is said which backups stay.
var retention = []row{
	{
		name: "interrupted expiry", when: both(code(archiver.CodeInterrupted), of("expire")),
		say: "Run the same command again: it continues where this run has ended.",
	},
	{
		name: "unknown outcome of what stays", when: both(code(archiver.CodeUnknownOutcome), of(retaining...)),
		say: "Nothing was deleted. When the store answers again, run the same command again; that is safe.",
	},
	{
		name: "expiry of another archive than seen", when: both(code(archiver.CodeConflict), of("expire")),
		say: "Nothing was removed. Look at what `gbak-s3 expire` says now, without --apply, and apply that.",
	},
	{
		name: "no rules", when: code(archiver.CodeNoRules),
		say: "Say which backups stay, such as --window 7d --keep-daily 30 --keep-monthly 12 with a full backup each day, " +
			"or store such rules with `gbak-s3 policy`.",
	},
	{
		name: "locks", when: code(archiver.CodeLock),
		say: "Give the bucket a longer default retention, or a shorter time with --lock-keep. If these credentials may not read " +
			"the bucket's object lock, say with --lock-days for how many days it locks objects.",
	},
	{
		name: "needed backup", when: code(archiver.CodeNeeded),
		say: "The newest backup always stays. If it is a pinned one, run `gbak-s3 unpin` first.",
	},
}
