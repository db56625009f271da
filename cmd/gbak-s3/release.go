package main

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
)

func releaseCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "release DATABASE [ARCHIVE]",
		Short: "Let a database drop the log that it keeps for archives",
		Long: `release lets a database drop the log that backup told it to keep for an archive: with
ARCHIVE for that one, which need not exist any more, and without ARCHIVE for all.
ARCHIVE is its address, or its id as status --json shows it; $GBAK_ARCHIVE is not used.
The next backup into a released archive is a full one, and makes the database keep its
log again, unless it is run with --no-hold.`,
		Example: `  gbak-s3 release people.grafeo s3://backups/people
  gbak-s3 release people.grafeo`,
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
	ctx, database := cmd.Context(), args[0]
	var released bool
	var err error
	if len(args) == 1 {
		released, err = archiver.ReleaseAll(ctx, database)
	} else {
		released, err = a.releaseOne(ctx, database, args[1])
	}
	if err != nil {
		return err
	}
	rest, err := archiver.Holds(ctx, database)
	if err != nil {
		return err
	}
	done := "nothing was held"
	if released {
		done = "the log of " + database + " is released"
	}
	return a.out.answered(done, a.out.printRelease(database, released, rest.Holds))
}

// releaseOne ends the hold of one archive: the one that the hold knows by this address or
// id, which may be gone, or else the one at the address.
func (a *app) releaseOne(ctx context.Context, database, address string) (bool, error) {
	for _, name := range []string{named(address), address} {
		if released, err := archiver.ReleaseNamed(ctx, database, name); released || err != nil {
			return released, err
		}
	}
	held, err := archiver.Holds(ctx, database)
	if err != nil || len(held.Holds) == 0 {
		return false, err
	}
	archive, err := a.archive(ctx, address)
	if err != nil {
		return false, err
	}
	released, err := archive.Release(ctx, database)
	if archiver.CodeOf(err) == archiver.CodeNoArchive {
		var names []string
		for _, h := range held.Holds {
			names = append(names, cmp.Or(h.Hold.Name, h.Hold.ArchiveID))
		}
		return false, &archiver.Error{Code: archiver.CodeNoArchive, Err: &noSuchHoldError{names, err}}
	}
	return released, err
}

// noSuchHoldError is the error for an address that neither an archive nor a hold has.
type noSuchHoldError struct {
	held []string // the names of the archives that the log is held for
	err  error
}

func (e *noSuchHoldError) Error() string { return e.err.Error() }
func (e *noSuchHoldError) Unwrap() error { return e.err }

type releaseLine struct {
	Type     string      `json:"type"` // "release"
	Database string      `json:"database"`
	Released bool        `json:"released"` // there was such a hold
	Holds    []claimLine `json:"holds"`    // that are left
}

func (o *output) printRelease(database string, released bool, rest []archiver.HeldLog) (err error) {
	if o.json {
		holds := []claimLine{}
		for _, h := range rest {
			holds = append(holds, claimLine(h.Hold))
		}
		return o.printJSON(releaseLine{"release", database, released, holds})
	}
	if generation, unknown := grafeo.Identify(database); !released && unknown == nil && generation == grafeo.Gen05 {
		err = o.print("nothing was held: Grafeo 0.5 keeps no log for archives")
	} else if !released {
		err = o.print("nothing was held")
	} else if len(rest) == 0 {
		err = o.print("%s now keeps its log only as long as it needs it itself", database)
	}
	for _, h := range rest {
		if err == nil {
			err = o.print("%s still keeps its log for %s, from epoch %d on", database, nameOf(h.Hold), h.Hold.Epoch)
		}
	}
	return err
}
