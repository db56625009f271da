package main

import (
	"context"
	"sync"

	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

func copyCommand(a *app) *cobra.Command {
	var opts archiver.CopyOptions
	cmd := &cobra.Command{
		Use:   "copy OLD NEW",
		Short: "Make another archive with everything that an archive has",
		Long: `copy makes a new archive at NEW from the one at OLD. It has an id of its own, and its
backups are numbered from 1. Every epoch of OLD can be restored from it. Labels,
timelines, times, pins, stored rules and the digests of states are copied, too. OLD is
not changed.

It may be killed, and backups into OLD may go on: the same command continues where the
last one ended, and takes what has been added since. It copies only into an empty NEW or
such a copy, and only as long as nobody else writes there. At the end it compares both.

With -r, -R or --passphrase, NEW is encrypted for these recipients, whether or not OLD
is encrypted; to read an encrypted OLD, it needs an identity (-i). Without them NEW is
not encrypted; if OLD is, you must confirm that with --plain.

To go on with NEW, back up the database there: the first backup into NEW is an ordinary
one, and from then on NEW is an archive like any other.

Exit codes: 0 NEW has everything; 3 OLD or NEW is damaged, and what was copied until
then stays; 8 NEW is something else than a copy of OLD that nobody uses yet.`,
		Example: `  gbak-s3 copy s3://backups/people s3://elsewhere/people
  gbak-s3 copy s3://backups/people s3://backups/people-2 -r age1...
  gbak-s3 copy --dry-run ./people-archive s3://elsewhere/people-2`,
		Args: takesBoth("OLD", "NEW"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if opts.CommitTimeout <= 0 {
				return usage("the commit timeout %s cannot be used", "Give a duration such as 60s or 5m.", opts.CommitTimeout)
			}
			if opts.Plain {
				if err := exclusive(cmd, "plain", "recipient", "recipients-file", "passphrase"); err != nil {
					return err
				}
			}
			return a.copyArchive(cmd, args[0], args[1], opts)
		},
	}
	flags := cmd.Flags()
	a.keys.encrypting(flags)
	flags.BoolVar(&opts.Plain, "plain", false, "confirm that NEW is not encrypted, although OLD is")
	a.limits.uploads(flags)
	a.limits.downloads(flags)
	flags.BoolVarP(&opts.DryRun, "dry-run", "n", false, "only show what would be copied")
	flags.BoolVar(&opts.BeginAnew, "begin-anew", false, "accept that what was at NEW is gone, and start over")
	flags.DurationVar(&opts.CommitTimeout, "commit-timeout", archiver.DefaultCommitTimeout,
		"how long to wait for a clear answer to a commit")
	return cmd
}

// takesBoth checks that two arguments are given, neither of which has a default.
func takesBoth(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) > len(names):
			return usage("too many arguments", "Usage: "+cmd.UseLine())
		case len(args) < len(names):
			return usage("%s is missing", "Usage: "+cmd.UseLine(), names[len(args)])
		}
		return nil
	}
}

func (a *app) copyArchive(cmd *cobra.Command, old, address string, opts archiver.CopyOptions) error {
	if err := apartFromEachOther(old, address); err != nil {
		return err
	}
	if err := mustWrite(address); err != nil {
		return err
	}
	frugal()
	outliveReaders()
	oldKeys, newKeys, err := a.copyKeys(cmd.Context(), opts.Plain)
	if err != nil {
		return err
	}
	all := a.archives(nil)
	from, err := all.openWith(cmd.Context(), old, a.log, oldKeys)
	if err != nil {
		return err
	}
	to, err := all.openWith(cmd.Context(), address, a.log, newKeys)
	if err != nil {
		return err
	}
	a.out.paid = isBucket(old) || isBucket(address)
	bar := a.out.progress("copying")
	opts.Observer = bar.observe
	r, err := from.Copy(cmd.Context(), to, opts)
	bar.done()
	if err != nil {
		return err
	}
	printed := a.out.printCopy(old, address, r)
	if r.Backups > 0 && !r.DryRun {
		return a.out.answered("the archive is copied", printed)
	}
	return printed
}

// copyKeys returns the keys of the two archives of a copy: identities and a writer key in a file are
// for the old one, recipients for the new one. The identities may open that, too, where this host
// has no writer key to it; they are read once.
func (a *app) copyKeys(ctx context.Context, plain bool) (from, to archiver.Keys, err error) {
	from, err = a.keys.given(ctx, a.log)
	if err != nil {
		return from, to, err
	}
	var once sync.Once
	var identities []archiver.Identity
	var failed error
	from.Identities = func(ctx context.Context) ([]archiver.Identity, error) {
		once.Do(func() { identities, failed = a.keys.givenIdentities(ctx) })
		return identities, failed
	}
	to = archiver.Keys{Recipients: from.Recipients, Identities: from.Identities}
	from.Recipients, from.Required = nil, len(a.keys.identities) > 0
	if plain {
		to = archiver.Keys{}
	}
	return from, to, nil
}

// apartFromEachOther makes sure that of two local archives none is inside the other.
func apartFromEachOther(a, b string) error {
	x, err := localRoot(a)
	if err != nil {
		return err
	}
	y, err := localRoot(b)
	if err != nil || x == "" || y == "" || real(x) == real(y) { // which the archives themselves show
		return err
	}
	if within(x, y) || within(y, x) {
		return usage("of the archives %s and %s, one is inside the other", "Use a path elsewhere for the copy.", a, b)
	}
	return nil
}

// copyLine is a copy of an archive in JSON.
type copyLine struct {
	Type         string                 `json:"type"` // "copy"
	DryRun       bool                   `json:"dry_run"`
	UpTo         uint64                 `json:"up_to,omitempty"`
	Newest       uint64                 `json:"newest,omitempty"`
	Backups      int                    `json:"backups"`
	Segments     int64                  `json:"segments"`
	Bytes        int64                  `json:"bytes"`
	RawBytes     int64                  `json:"raw_bytes"`
	Keep         uint64                 `json:"keep,omitempty"`
	Compared     int                    `json:"compared"`
	Gone         int                    `json:"gone,omitempty"`
	CopyRequests *storage.RequestCounts `json:"copy_requests,omitempty"` // of a dry run
	CopyCost     *costLine              `json:"copy_cost,omitempty"`
	Requests     storage.RequestCounts  `json:"requests"`
	Cost         *costLine              `json:"cost,omitempty"`
	ElapsedMS    int64                  `json:"elapsed_ms"`
}

func (o *output) printCopy(old, address string, r archiver.CopyReport) error {
	cost, copyCost := o.costOf(r.Requests, r.Bytes, r.Bytes), o.costOf(r.CopyRequests, r.Bytes, r.Bytes)
	if r.DryRun {
		cost = o.costOf(r.Requests, 0, 0)
	}
	if o.json {
		line := copyLine{
			Type: "copy", DryRun: r.DryRun, UpTo: r.UpTo, Newest: r.Newest, Backups: r.Backups, Segments: r.Segments, Bytes: r.Bytes,
			RawBytes: r.RawBytes, Keep: r.Keep, Compared: r.Compared, Gone: r.Gone, Requests: r.Requests, Cost: cost, ElapsedMS: r.Elapsed.Milliseconds(),
		}
		if r.DryRun {
			line.CopyRequests, line.CopyCost = &r.CopyRequests, copyCost
		}
		return o.printJSON(line)
	}
	what := plural(r.Backups, "backup")
	if r.DryRun {
		if err := o.print("would copy %s of %s, %s, for about %s", what, old, size(r.Bytes), requests(r.CopyRequests)); err != nil {
			return err
		}
		if copyCost != nil {
			return o.print("cost: about %s", copyCost)
		}
		return nil
	}
	if err := o.print("copied %s of %s, %s, %s, %s", what, old, size(r.Bytes), requests(r.Requests), took(r.Elapsed)); err != nil {
		return err
	}
	if err := o.print("%s has everything up to backup %d, which is number %d there; compared: %s", address, r.UpTo, r.Newest, plural(r.Compared, "backup")); err != nil {
		return err
	}
	return o.printCost(cost)
}
