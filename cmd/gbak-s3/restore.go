package main

import (
	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
)

func (a *app) restoreCommand() *cobra.Command {
	var opts archiver.RestoreOptions
	cmd := &cobra.Command{
		Use:   "restore ARCHIVE DATABASE",
		Short: "Restore a database from an archive",
		Long: `restore writes the database as it was at the newest backup, or at the one that
--backup names, to the path DATABASE. The database appears there when it is whole
and on disk, not before. What is there already is refused.`,
		Example: `  gbak-s3 restore s3://backups/people people.grafeo
  gbak-s3 restore --backup 12 ./people-archive old-people.grafeo`,
		Args: takes("ARCHIVE", "DATABASE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			args = arguments(args, "ARCHIVE", "DATABASE")
			if cmd.Flags().Changed("backup") && opts.Backup == 0 {
				return usage("backup 0", "Backups are numbered from 1; `gbak-s3 list` shows them.")
			}
			return a.restore(cmd, args[0], args[1], opts)
		},
	}
	flags := cmd.Flags()
	flags.Uint64Var(&opts.Backup, "backup", 0, "number of the backup to restore (default the newest)")
	flags.BoolVar(&opts.Force, "force", false, "move a database that is there aside; it is never deleted")
	return cmd
}

// restoreLine is a restore in JSON.
type restoreLine struct {
	Type      string `json:"type"` // "restore"
	Seq       uint64 `json:"seq"`
	Epoch     uint64 `json:"epoch"`
	Timeline  int    `json:"timeline"`
	Database  string `json:"database"`
	MovedTo   string `json:"moved_to,omitempty"`
	RawBytes  int64  `json:"raw_bytes"`
	Requests  any    `json:"requests"`
	ElapsedMS int64  `json:"elapsed_ms"`
}

func (a *app) restore(cmd *cobra.Command, address, database string, opts archiver.RestoreOptions) error {
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	bar := a.progress("restoring")
	opts.Observer = bar.observe
	r, err := archive.Restore(cmd.Context(), database, opts)
	bar.done()
	if err != nil {
		return err
	}
	if a.json {
		return a.say(restoreLine{
			Type: "restore", Seq: r.Backup.Seq, Epoch: r.Epoch, Timeline: r.Backup.Timeline, Database: r.Database,
			MovedTo: r.MovedTo, RawBytes: r.RawBytes, Requests: r.Requests, ElapsedMS: r.Elapsed.Milliseconds(),
		})
	}
	if r.MovedTo != "" {
		if err := a.print("the database that was there is now %s", r.MovedTo); err != nil {
			return err
		}
	}
	if err := a.print("%s restored from backup %d: epoch %d, as of %s", r.Database, r.Backup.Seq, r.Epoch, when(r.Backup)); err != nil {
		return err
	}
	return a.print("%s written, %s, %s", size(r.RawBytes), requests(r.Requests), took(r.Elapsed))
}
