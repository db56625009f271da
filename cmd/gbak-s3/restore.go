package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/storage"
)

func restoreCommand(a *app) *cobra.Command {
	var (
		opts   archiver.RestoreOptions
		target target
		plan   bool
		boot   bootOptions
	)
	cmd := &cobra.Command{
		Use:   "restore ARCHIVE DATABASE",
		Short: "Restore a database from an archive",
		Long: `restore writes the database to the path DATABASE: its newest state, or the one that
--backup, --epoch or --time names. If the path ends in a slash, it is a folder, in which
the database gets its own name (a WAL directory of Grafeo 0.5 becomes that folder
itself). The database appears there only when it is complete and on disk. If one is
already there, that is an error; --force moves it aside instead.

If a restore is killed or loses its connection to the store, what it has fetched stays
beside the target, in the hidden folder .NAME.gbak-restore. The same command continues
from there.

To restore before a program starts: --if-absent restores the database only if it is
missing, and --if-archive-exists lets the program start without one if the store answers
that there is no archive yet.

If objects of the archive are missing or damaged, --salvage restores the best state at
or before the one you asked for, and says which that is. Unless it is proved to be
exactly what you asked for, the exit code is 11. The command salvage shows what can be
restored.`,
		Example: `  gbak-s3 restore s3://backups/people people.grafeo
  gbak-s3 restore --backup 12 ./people-archive old-people.grafeo
  gbak-s3 restore --epoch 4711 ./people-archive old-people.grafeo
  gbak-s3 restore --time 2026-11-23T08:15:00Z --plan ./people-archive old.grafeo
  gbak-s3 restore --if-absent --if-archive-exists ./people-archive people.grafeo
  gbak-s3 restore --salvage --epoch 4711 ./people-archive what-is-left.grafeo`,
		Args: takes("ARCHIVE", "DATABASE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			args = arguments(args, "ARCHIVE", "DATABASE")
			for _, group := range [][]string{
				{"backup", "epoch", "time"}, {"backup", "timeline"},
				{"if-absent", "force"}, {"if-absent", "plan"}, {"if-archive-exists", "plan"},
				{"salvage", "plan"}, {"salvage", "if-absent"}, {"salvage", "if-archive-exists"},
			} {
				if err := exclusive(cmd, group...); err != nil {
					return err
				}
			}
			if err := target.check(cmd); err != nil {
				return err
			}
			if err := target.read(cmd); err != nil {
				return err
			}
			if plan {
				return a.plan(cmd, args[0], args[1], target)
			}
			return a.restore(cmd, args[0], args[1], target, opts, boot)
		},
	}
	flags := cmd.Flags()
	a.limits.downloads(flags)
	target.add(flags)
	flags.BoolVar(&plan, "plan", false, "only show what would be done")
	boot.flags(flags)
	flags.BoolVar(&opts.Salvage, "salvage", false, "if the state cannot be restored, restore the best one before it, and exit with 11")
	flags.BoolVar(&opts.Force, "force", false, "move an existing database aside; it is never deleted")
	return cmd
}

// planLine is a plan in JSON and, with the fields at its end, a restore.
type planLine struct {
	Type           string     `json:"type"` // "plan" or "restore"
	Seq            uint64     `json:"seq"`  // the backup that has the target
	Full           uint64     `json:"full"`
	Incrementals   []uint64   `json:"incrementals"`
	Timeline       int        `json:"timeline"`
	OtherTimelines []int      `json:"other_timelines"`
	Epoch          uint64     `json:"epoch"`
	Time           *time.Time `json:"time"`
	Exact          bool       `json:"exact"`
	Objects        int        `json:"objects"`
	StoredBytes    int64      `json:"stored_bytes"`
	RawBytes       int64      `json:"raw_bytes"`
	NeededBytes    int64      `json:"needed_bytes"`         // of raw_bytes; the others are holes
	FreeBytes      *int64     `json:"free_bytes,omitempty"` // of a plan: at the target, where that is known
	Fits           *bool      `json:"fits,omitempty"`       // whether there is room for needed_bytes
	Spill          *spillLine `json:"spill,omitempty"`

	Salvaged  *salvagedLine         `json:"salvaged,omitempty"` // of a restore with --salvage
	Database  string                `json:"database,omitempty"`
	MovedTo   string                `json:"moved_to,omitempty"`
	Reopen    bool                  `json:"reopen,omitempty"`
	Resumed   int64                 `json:"resumed_bytes,omitempty"` // that an earlier run had fetched
	Access    string                `json:"access_problem,omitempty"`
	Requests  storage.RequestCounts `json:"requests"`
	Cost      *costLine             `json:"cost,omitempty"`
	ElapsedMS *int64                `json:"elapsed_ms,omitempty"`

	RestoreRequests *storage.RequestCounts `json:"restore_requests,omitempty"` // of a plan: what the restore takes
	RestoreCost     *costLine              `json:"restore_cost,omitempty"`
}

func lineOfPlan(p archiver.Plan) planLine {
	return planLine{
		Type: "plan", Seq: p.Backup.Seq, Full: p.Full, Incrementals: append([]uint64{}, p.Incrementals...),
		Timeline: p.Timeline, OtherTimelines: append([]int{}, p.OtherTimelines...), Epoch: p.Epoch, Time: p.Time,
		Exact: p.Exact, Objects: p.Objects, StoredBytes: p.StoredBytes, RawBytes: p.RawBytes, NeededBytes: p.NeededBytes,
		Spill: (*spillLine)(p.Spill),
	}
}

func (a *app) plan(cmd *cobra.Command, address, database string, target target) error {
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	p, err := archive.Plan(cmd.Context(), target.of)
	if err != nil {
		return err
	}
	free, sure, known := spaceFor(database)
	fits := p.NeededBytes <= free
	cost := a.out.costOf(p.RestoreRequests, p.RestoreReceives, 0)
	if a.out.json {
		line := lineOfPlan(p)
		line.RestoreRequests, line.RestoreCost = &p.RestoreRequests, cost
		line.Requests, line.Cost = p.Requests, a.out.costOf(p.Requests, 0, 0)
		if known {
			line.FreeBytes, line.Fits = &free, new(fits)
		}
		return a.out.printJSON(line)
	}
	if err := a.out.print("would restore %s%s", state(p), asked(target)); err != nil {
		return err
	}
	log := ""
	if n := len(p.Incrementals); n > 0 {
		log = fmt.Sprintf(" and the log of %s", plural(n, "backup"))
	}
	if err := a.out.print("from the full backup %d%s: %s, %s to fetch, %s to write, %s",
		p.Full, log, plural(p.Objects, "object"), size(p.StoredBytes), size(p.RawBytes), requests(p.RestoreRequests)); err != nil {
		return err
	}
	if err := a.out.printCost(cost); err != nil {
		return err
	}
	if known {
		verdict := "it fits"
		switch {
		case !fits && sure:
			verdict = "it does not fit"
		case !fits:
			verdict = "it may not fit"
		}
		if err := a.out.print("%s needed at %s, and %s free there: %s", size(p.NeededBytes), database, size(free), verdict); err != nil {
			return err
		}
	}
	return a.out.others(p)
}

// spaceFor returns the [archiver.FreeSpace] for a database at this path.
func spaceFor(database string) (free int64, sure, known bool) {
	path, err := filepath.Abs(database)
	if err != nil {
		return 0, false, false
	}
	return archiver.FreeSpace(path)
}

// state says which state of the database a plan restores.
func state(p archiver.Plan) string {
	s := fmt.Sprintf("epoch %d of timeline %d", p.Epoch, p.Timeline)
	if p.Time != nil {
		s += ", committed at " + p.Time.Format(time.RFC3339Nano)
	} else {
		s += ", as backed up at " + p.Backup.CreatedAt.Format(time.RFC3339Nano)
	}
	if !p.Exact {
		s += " (not exact: the archive does not know the time of each commit)"
	}
	return s
}

// asked says how a time was read.
func asked(t target) string { return moment("; asked for as of ", t.time) }

// others says that an epoch exists more than once.
func (o *output) others(p archiver.Plan) error {
	for _, t := range p.OtherTimelines {
		if err := o.print("timeline %d has this epoch too, with a different history; --timeline %d chooses it", t, t); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) restore(cmd *cobra.Command, address, database string, target target, opts archiver.RestoreOptions, boot bootOptions) error {
	opts.Target = target.of
	if err := mustBeFree(address, database); err != nil {
		return err
	}
	outliveReaders()
	if boot.ifAbsent {
		if there, err := isThere(database); err != nil || there {
			return a.answerPresent(database, err)
		}
	}
	frugal()
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	bar := a.out.progress("restoring")
	opts.Observer = bar.observe
	r, err := archive.Restore(cmd.Context(), database, opts)
	bar.done()
	if boot.ifArchiveExists && isFirstBoot(err) {
		neighbours, err := a.lookAround(cmd.Context(), archive, err)
		if err != nil {
			return err
		}
		return a.startEmpty(address, database, neighbours)
	}
	if err != nil {
		return err
	}
	if err := a.out.answered(r.Database+" is restored", a.out.printRestore(r, target)); err != nil {
		return err
	}
	if r.Salvaged != nil && !r.Salvaged.Exact {
		return &answeredError{exitLess}
	}
	return nil
}

// mustBeFree refuses a path for a restored database where something else belongs.
func mustBeFree(address, database string) error {
	if err := mustBeNoFolder(database); err != nil {
		return err
	}
	if err := apart(address, database); err != nil {
		return err
	}
	switch folder := archiveAround(destination(database)); folder {
	case "":
	case destination(database):
		return usage("%s is an archive, and no database", swappedHint, database)
	default:
		return usage("%s is inside the archive %s", "`restore` takes ARCHIVE DATABASE: give the path that the database file is to have, "+
			"such as people.grafeo, outside of all archives.", database, folder)
	}
	return nil
}

func (o *output) printRestore(r archiver.RestoreReport, target target) error {
	cost := o.costOf(r.Requests, r.ReceivedBytes, 0)
	if o.json {
		line, elapsed := lineOfPlan(r.Plan), r.Elapsed.Milliseconds()
		line.Access = r.AccessProblem
		line.Type, line.Database, line.MovedTo, line.ElapsedMS = "restore", r.Database, r.MovedTo, &elapsed
		line.Requests, line.Cost = r.Requests, cost
		line.Reopen, line.Resumed = r.Reopen, r.ResumedBytes
		line.Salvaged = lineOfSalvaged(r.Salvaged)
		return o.printJSON(line)
	}
	if r.MovedTo != "" {
		if err := o.print("the database that was there is now %s", r.MovedTo); err != nil {
			return err
		}
	}
	if err := o.print("%s restored from backup %d: %s%s", r.Database, r.Plan.Backup.Seq, state(r.Plan), asked(target)); err != nil {
		return err
	}
	if err := o.printSalvaged(r.Salvaged); err != nil {
		return err
	}
	if r.Plan.Spill != nil {
		err := o.print("spilled %s, are in %s: Grafeo 0.6 loads them when it opens the database; 0.5.42 may delete them instead, "+
			"so copy that folder before you open the database with it", spilled(r.Plan.Spill), grafeo.SpillDir(r.Database))
		if err != nil {
			return err
		}
	}
	if r.AccessProblem != "" {
		if err := o.print("%s", r.AccessProblem); err != nil {
			return err
		}
	}
	if err := o.others(r.Plan); err != nil {
		return err
	}
	if r.Reopen {
		if err := o.print("Grafeo 0.5 may show some edges twice: open and close the database once before you use it"); err != nil {
			return err
		}
	}
	if r.ResumedBytes > 0 {
		if err := o.print("%s of it were already there: an earlier restore fetched them, and they are intact", size(r.ResumedBytes)); err != nil {
			return err
		}
	}
	err := o.print("%s written, %s, %s", size(r.Plan.RawBytes-r.ResumedBytes), requests(r.Requests), took(r.Elapsed))
	if err != nil {
		return err
	}
	return o.printCost(cost)
}
