package main

import (
	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

// backupPlanLine is what a backup would do, in JSON.
type backupPlanLine struct {
	Type           string                `json:"type"` // "backup_plan"
	Seq            uint64                `json:"seq"`
	Kind           string                `json:"kind"`
	Why            string                `json:"why,omitempty"`
	CreatesArchive bool                  `json:"creates_archive,omitempty"`
	Timeline       int                   `json:"timeline"`
	EndEpoch       uint64                `json:"end_epoch"`
	Commits        int64                 `json:"commits"`
	RawBytes       int64                 `json:"raw_bytes"`
	MaxStoredBytes int64                 `json:"max_stored_bytes"`
	MaxRequests    storage.RequestCounts `json:"max_requests"`
	MaxCost        *costLine             `json:"max_cost,omitempty"`
	Requests       storage.RequestCounts `json:"requests"` // of the dry run itself
	Cost           *costLine             `json:"cost,omitempty"`
	ElapsedMS      int64                 `json:"elapsed_ms"`
}

func (a *app) planBackup(cmd *cobra.Command, database, address string, opts archiver.BackupOptions) error {
	if err := apartFrom(address, database); err != nil {
		return err
	}
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	p, err := archive.PlanBackup(cmd.Context(), database, opts)
	if err != nil {
		return err
	}
	return a.out.printBackupPlan(database, p)
}

func (o *output) printBackupPlan(database string, p archiver.BackupPlan) error {
	cost := o.costOf(p.MaxRequests, 0, p.MaxStoredBytes)
	if o.json {
		return o.printJSON(backupPlanLine{
			"backup_plan", p.Seq, string(p.Kind), p.Why, p.CreatesArchive, p.Timeline, p.EndEpoch, p.Commits, p.RawBytes,
			p.MaxStoredBytes, p.MaxRequests, cost, p.Requests, o.costOf(p.Requests, 0, 0), p.Elapsed.Milliseconds(),
		})
	}
	if p.Kind == archiver.KindNone {
		err := o.print("nothing new in %s since backup %d, epoch %d: nothing would be stored", database, p.Seq, p.EndEpoch)
		if err == nil {
			err = o.print("%s", requests(p.MaxRequests))
		}
		if err == nil {
			err = o.printCost(cost)
		}
		return err
	}
	if p.CreatesArchive {
		if err := o.print("there is no archive yet: the backup would try what the store can do, and create it"); err != nil {
			return err
		}
	}
	what := kindOf(p.Kind, p.Timeline, p.Why)
	if p.Commits > 0 {
		what += ", " + plural(int(p.Commits), "commit")
	}
	if err := o.print("would commit backup %d of %s: %s, up to epoch %d", p.Seq, database, what, p.EndEpoch); err != nil {
		return err
	}
	if err := o.print("%s to read; at most %s to store, and %s",
		size(p.RawBytes), size(p.MaxStoredBytes), requests(p.MaxRequests)); err != nil {
		return err
	}
	if cost != nil {
		return o.print("cost: at most %s", cost)
	}
	return nil
}
