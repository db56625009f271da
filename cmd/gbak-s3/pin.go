package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

func pinCommand(a *app) *cobra.Command {
	var label string
	cmd := &cobra.Command{
		Use:   "pin ARCHIVE BACKUP",
		Short: "Keep a backup, whatever the rules say",
		Long: `pin keeps a backup, and those that it needs, whatever the rules of expire say, until
unpin. Pinning a pinned backup changes its label.`,
		Example: `  gbak-s3 pin s3://backups/people 12 --label "before the upgrade"`,
		Args:    takes("ARCHIVE", "BACKUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.pin(cmd, arguments(args, "ARCHIVE", "BACKUP"), &label)
		},
	}
	cmd.Flags().StringVar(&label, "label", "", "what it is kept for, up to 256 bytes (`TEXT`)")
	return cmd
}

func unpinCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "unpin ARCHIVE BACKUP",
		Short: "Let the rules decide about a pinned backup again",
		Long: `unpin undoes pin. The backup stays until an expiry removes it by its rules. If it is not
pinned, that is no error.`,
		Example: `  gbak-s3 unpin s3://backups/people 12`,
		Args:    takes("ARCHIVE", "BACKUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.pin(cmd, arguments(args, "ARCHIVE", "BACKUP"), nil)
		},
	}
}

// pinLine is what pin and unpin have done, in JSON.
type pinLine struct {
	Type      string                `json:"type"` // "pin"
	Backup    uint64                `json:"backup"`
	Label     string                `json:"label"`
	Pinned    bool                  `json:"pinned"`         // now
	Keep      uint64                `json:"keep,omitempty"` // the record that was committed
	Requests  storage.RequestCounts `json:"requests"`
	Cost      *costLine             `json:"cost,omitempty"`
	ElapsedMS int64                 `json:"elapsed_ms"`
}

// pin pins the backup that args name in an archive, with a label, or unpins it if that is
// nil.
func (a *app) pin(cmd *cobra.Command, args []string, label *string) error {
	backup, err := parseBackup(args[1])
	if err != nil {
		return err
	}
	if label != nil {
		if err := archiver.ValidatePinLabel(*label); err != nil {
			return usage("%w", fmt.Sprintf("Give a line of up to %d bytes, in UTF-8.", archiver.MaxPinLabel), err)
		}
	}
	if err := mustWrite(args[0]); err != nil {
		return err
	}
	outliveReaders()
	archive, err := a.archive(cmd.Context(), args[0])
	if err != nil {
		return err
	}
	line := pinLine{Type: "pin", Backup: backup, Pinned: label != nil}
	var r archiver.KeepReport
	done := fmt.Sprintf("backup %d is not pinned", backup)
	if label == nil {
		r, err = archive.Unpin(cmd.Context(), backup)
	} else {
		line.Label, done = *label, fmt.Sprintf("backup %d is pinned", backup)
		r, err = archive.Pin(cmd.Context(), backup, *label)
	}
	if err != nil {
		return err
	}
	line.Keep, line.Requests, line.Cost, line.ElapsedMS = r.Keep, r.Requests, a.out.costOf(r.Requests, 0, 0), r.Elapsed.Milliseconds()
	if a.out.json {
		return a.out.answered(done, a.out.printJSON(line))
	}
	said := done
	switch {
	case r.Keep == 0:
		said += "; so it was already"
	case label == nil:
		said += " any more: it stays until an expiry removes it"
	default:
		said += ": it stays, with those that it needs, until it is unpinned"
	}
	return a.out.answered(done, a.out.printKept(said, r))
}

// parseBackup reads the number of a backup.
func parseBackup(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, usage("%q is not the number of a backup", "`gbak-s3 list` shows the numbers, from 1 on.", text)
	}
	return n, nil
}
