package main

import (
	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
)

func importCommand(a *app) *cobra.Command {
	var opts archiver.ImportOptions
	cmd := &cobra.Command{
		Use:   "import NATIVE_FOLDER ARCHIVE",
		Short: "Archive a folder of Grafeo's own backups",
		Long: `import archives the backups that Grafeo's own backupFull and backupIncremental made in a
folder: each becomes a backup of the archive, with its epochs. First it checks the whole
folder: every checksum, and that nothing is missing between the backups. If anything is
damaged or missing, import names it, with the epochs that are lost, and stores nothing.

Deleted files are an exception, because the retention of a Grafeo server deletes files
and leaves the list as it is. import archives what is complete without them, and names
the epochs that are lost. With --strict, deleted files are an error, too.

A second import stores only what is new in the folder. The folder is not changed.

Exit codes: 0 everything that is there is in the archive (if epochs are lost, --json
prints a last line with "lost"); 3 the folder is damaged or has a gap, or nothing in it
is complete.`,
		Example: `  gbak-s3 import ./people-backups s3://backups/people
  gbak-s3 import /var/backups/people ./people-archive`,
		Args: takes("NATIVE_FOLDER", "ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			args = arguments(args, "NATIVE_FOLDER", "ARCHIVE")
			if opts.CommitTimeout <= 0 {
				return usage("the commit timeout %s cannot be used", "Give a duration such as 60s or 5m.", opts.CommitTimeout)
			}
			return a.importFolder(cmd, args[0], args[1], opts)
		},
	}
	flags := cmd.Flags()
	a.keys.encrypting(flags)
	a.limits.uploads(flags)
	a.limits.reads(flags)
	flags.BoolVar(&opts.NewDatabase, "new-database", false,
		"accept a database of another id as the successor of the archive's; it begins a new timeline")
	flags.BoolVar(&opts.BeginAnew, "begin-anew", false,
		"accept that what was at ARCHIVE is gone, and start over with what is there now")
	flags.BoolVar(&opts.Strict, "strict", false,
		"refuse a folder from which files were deleted, instead of archiving what is complete")
	flags.BoolVar(&opts.SingleWriter, "single-writer", false,
		"for a new archive: allow a store without conditional writes; never let two backups run at the same time")
	flags.DurationVar(&opts.CommitTimeout, "commit-timeout", archiver.DefaultCommitTimeout,
		"how long to wait for a clear answer to a commit")
	return cmd
}

func (a *app) importFolder(cmd *cobra.Command, folder, address string, opts archiver.ImportOptions) error {
	if err := mustWrite(address); err != nil {
		return err
	}
	if err := outside(address, folder); err != nil {
		return err
	}
	if isDatabaseFile(folder) {
		return usage("%s is a database, and no folder of Grafeo's own backups",
			"To back it up, run `gbak-s3 backup DATABASE ARCHIVE`.", folder)
	}
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	frugal()
	bar := a.out.progress("importing")
	opts.Observer = bar.observe
	var failed error // to print
	above := a.out   // the progress
	above.stdout = a.out.screen.above(a.out.stdout)
	opts.Committed = func(r archiver.BackupReport) {
		if err := above.sayImported(folder, r); failed == nil {
			failed = err
		}
	}
	r, err := archive.Import(cmd.Context(), folder, opts)
	bar.done()
	if err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	newest := r.Backups[len(r.Backups)-1]
	if newest.Backup.Kind == archiver.KindNone {
		newest.Requests, newest.Elapsed = r.Requests, r.Elapsed
		if err := a.out.sayImported(folder, newest); err != nil {
			return err
		}
	}
	if err := a.out.sayLost(folder, r); err != nil || a.out.json {
		return err
	}
	err = a.out.print("%s in %s, %d of them already archived, %s, %s",
		plural(r.Entries, "native backup"), folder, r.Known, requests(r.Requests), took(r.Elapsed))
	if err != nil {
		return err
	}
	var stored int64
	for _, b := range r.Backups {
		stored += b.Backup.StoredBytes
	}
	if err := a.out.printCost(a.out.costOf(r.Requests, 0, stored)); err != nil {
		return err
	}
	return a.out.print("to restore the newest, on %s:\n%s restore %s DATABASE", anyHost(address), self(), quote(absolute(address)))
}

// lostLine is the last line of an import in JSON, if epochs are lost.
type lostLine struct {
	Type    string       `json:"type"` // "import"
	Entries int          `json:"entries"`
	Known   int          `json:"known"`
	Lost    []lostEpochs `json:"lost"`
}

type lostEpochs struct {
	File    string `json:"file"`
	From    uint64 `json:"from_epoch"`
	To      uint64 `json:"to_epoch"`
	Problem string `json:"problem"`
}

// sayLost says which epochs of a folder could not be archived, if there are any.
func (o *output) sayLost(folder string, r archiver.ImportReport) error {
	if len(r.Lost) == 0 {
		return nil
	}
	line := lostLine{Type: "import", Entries: r.Entries, Known: r.Known}
	for _, f := range r.Lost {
		line.Lost = append(line.Lost, lostEpochs{f.File, f.From, f.To, f.Err.Error()})
		if o.json {
			continue
		}
		if err := o.print("lost: %s, in no complete backup of %s: %v", epochs(f.From, f.To), folder, f.Err); err != nil {
			return err
		}
	}
	if o.json {
		return o.printJSON(line)
	}
	return nil
}

func (o *output) sayImported(folder string, r archiver.BackupReport) error {
	if o.json {
		line, elapsed := lineOf(r.Backup), r.Elapsed.Milliseconds()
		line.Requests, line.ElapsedMS, line.Why = &r.Requests, &elapsed, r.Why
		line.Cost = o.costOf(r.Requests, 0, r.Backup.StoredBytes)
		return o.printJSON(line)
	}
	return o.print("%s", headline(folder, r))
}

// outside makes sure that neither of a folder of native backups and a local archive is
// inside the other.
func outside(address, folder string) error {
	root, err := localRoot(address)
	if err != nil || root == "" {
		return err
	}
	if within(root, folder) || within(folder, root) {
		return usage("of the folder %s and the archive %s, one is inside the other", "Use a path elsewhere for one of them.", folder, address)
	}
	return nil
}
