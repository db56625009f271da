package main

import (
	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

func exportCommand(a *app) *cobra.Command {
	var (
		opts   archiver.ExportOptions
		target target
	)
	cmd := &cobra.Command{
		Use:   "export ARCHIVE NATIVE_FOLDER",
		Short: "Write an archive as a folder of Grafeo's own backups",
		Long: `export writes a folder of backups like those that Grafeo's own backupFull and
backupIncremental make: a list, full backups and incrementals. From it, Grafeo's own
restoreToEpoch can restore every epoch of the archive, up to the newest, or to the one
that --epoch or --backup names. That does not need gbak-s3.

The folder appears only when it is complete and on disk. If something is already there,
that is an error.`,
		Example: `  gbak-s3 export s3://backups/people ./people-backups
  gbak-s3 export --epoch 4711 ./people-archive ./people-backups`,
		Args: takes("ARCHIVE", "NATIVE_FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			args = arguments(args, "ARCHIVE", "NATIVE_FOLDER")
			if err := exclusive(cmd, "backup", "epoch"); err != nil {
				return err
			}
			if cmd.Flags().Changed("backup") && target.backup == 0 {
				return usage("there is no backup 0", "Backups are numbered from 1; `gbak-s3 list` shows them.")
			}
			if err := target.read(cmd); err != nil {
				return err
			}
			opts.Target = target.of
			return a.exportFolder(cmd, args[0], args[1], opts)
		},
	}
	flags := cmd.Flags()
	a.limits.downloads(flags)
	flags.Uint64Var(&target.backup, "backup", 0, "number of the last backup to export (default the newest)")
	flags.Uint64Var(&target.epoch, "epoch", 0, "last epoch to export")
	flags.BoolVar(&opts.WithoutSpilled, "without-spilled", false, "leave out spilled vectors, which native backups cannot hold")
	return cmd
}

// exportLine is an export in JSON.
type exportLine struct {
	Type      string                `json:"type"` // "export"
	Folder    string                `json:"folder"`
	FromEpoch uint64                `json:"from_epoch"`
	ToEpoch   uint64                `json:"to_epoch"`
	Files     int                   `json:"files"`
	RawBytes  int64                 `json:"raw_bytes"`
	LeftOut   *spillLine            `json:"left_out,omitempty"` // spilled vectors
	Requests  storage.RequestCounts `json:"requests"`
	Cost      *costLine             `json:"cost,omitempty"`
	ElapsedMS int64                 `json:"elapsed_ms"`
}

func (a *app) exportFolder(cmd *cobra.Command, address, folder string, opts archiver.ExportOptions) error {
	if err := outside(address, folder); err != nil {
		return err
	}
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	frugal()
	bar := a.out.progress("exporting")
	opts.Observer = bar.observe
	r, err := archive.Export(cmd.Context(), folder, opts)
	bar.done()
	if err != nil {
		return err
	}
	cost := a.out.costOf(r.Requests, r.StoredBytes, 0)
	if a.out.json {
		return a.out.printJSON(exportLine{
			"export", r.Folder, r.FromEpoch, r.ToEpoch, r.Files, r.RawBytes, (*spillLine)(r.Spill), r.Requests, cost, r.Elapsed.Milliseconds(),
		})
	}
	err = a.out.print("%s written: native backups of %s, which Grafeo's restoreToEpoch restores", r.Folder, epochs(r.FromEpoch, r.ToEpoch))
	if err != nil {
		return err
	}
	if r.Spill != nil {
		if err := a.out.print("left out, as native backups cannot hold them: spilled %s", spilled(r.Spill)); err != nil {
			return err
		}
	}
	if err := a.out.print("%s, %s, %s, %s", plural(r.Files, "file"), size(r.RawBytes), requests(r.Requests), took(r.Elapsed)); err != nil {
		return err
	}
	return a.out.printCost(cost)
}
