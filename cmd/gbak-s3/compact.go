package main

import (
	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

func compactCommand(a *app) *cobra.Command {
	opts := archiver.CompactOptions{Min: archiver.DefaultCompactMin, Tail: archiver.DefaultCompactTail}
	cmd := &cobra.Command{
		Use:   "compact ARCHIVE",
		Short: "Merge many small backups into few large objects",
		Long: `compact merges the log of many small backups in a row into one backup. Every state can
be restored as before, with far fewer requests; only the backups' own numbers between
the first and the last are gone. Full, pinned, labelled, imported and large backups stay
as they are.

Without --apply it only says what it would do. The old objects stay until expire deletes
them. What Grafeo replays when it opens a restored database becomes no shorter: that
takes a full backup.`,
		Example: `  gbak-s3 compact s3://backups/people
  gbak-s3 compact s3://backups/people --apply`,
		Args: takes("ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if opts.Min < 2 {
				return usage("--min %d cannot be used", "Give 2 or more: a single backup has nothing to be merged with.", opts.Min)
			}
			if opts.Tail < 1 {
				return usage("--tail %d cannot be used", "Give 1 or more: the newest backup always stays as it is.", opts.Tail)
			}
			return a.compact(cmd, arguments(args, "ARCHIVE")[0], opts)
		},
	}
	a.limits.uploads(cmd.Flags())
	a.limits.downloads(cmd.Flags())
	cmd.Flags().IntVar(&opts.Min, "min", opts.Min, "how many backups in a row are worth merging")
	cmd.Flags().IntVar(&opts.Tail, "tail", opts.Tail, "how many of the newest backups stay as they are")
	cmd.Flags().BoolVar(&opts.Apply, "apply", false, "merge, and do not only say what would be merged")
	return cmd
}

// compactLine is a compaction in JSON.
type compactLine struct {
	Type          string                 `json:"type"` // "compact"
	Applied       bool                   `json:"applied"`
	Keep          uint64                 `json:"keep,omitempty"` // the record that was committed
	Merged        []mergedLine           `json:"merged"`
	Dropped       int                    `json:"dropped,omitempty"`
	ObjectsBefore int64                  `json:"objects_before"`
	ObjectsAfter  int64                  `json:"objects_after"`
	BytesBefore   int64                  `json:"bytes_before"`
	BytesAfter    int64                  `json:"bytes_after"`
	ApplyRequests *storage.RequestCounts `json:"apply_requests,omitempty"` // of a dry run: about what merging takes
	ApplyCost     *costLine              `json:"apply_cost,omitempty"`
	Requests      storage.RequestCounts  `json:"requests"`
	Cost          *costLine              `json:"cost,omitempty"`
	ElapsedMS     int64                  `json:"elapsed_ms"`
}

type mergedLine struct {
	From    uint64 `json:"from"`
	To      uint64 `json:"to"`
	By      uint64 `json:"by,omitempty"`
	Backups int    `json:"backups"`
}

func (a *app) compact(cmd *cobra.Command, address string, opts archiver.CompactOptions) error {
	if err := mustWrite(address); err != nil {
		return err
	}
	frugal()
	outliveReaders()
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	bar := a.out.progress("merging")
	opts.Observer = bar.observe
	r, err := archive.Compact(cmd.Context(), opts)
	bar.done()
	if err != nil && !r.Applied {
		return err
	}
	printed := a.out.printCompact(r)
	if err != nil {
		return err // some backups are damaged, and others were merged
	}
	if r.Keep != 0 {
		return a.out.answered("the backups are merged", printed)
	}
	return printed
}

func (o *output) printCompact(r archiver.CompactReport) error {
	cost, applyCost := o.costOf(r.Requests, 0, 0), o.costOf(r.ApplyRequests, r.ApplyBytes, 0)
	if o.json {
		line := compactLine{
			Type: "compact", Applied: r.Applied, Keep: r.Keep, Merged: []mergedLine{}, Dropped: r.Dropped,
			ObjectsBefore: r.Before.Objects, ObjectsAfter: r.After.Objects, BytesBefore: r.Before.Bytes, BytesAfter: r.After.Bytes,
			Requests: r.Requests, Cost: cost, ElapsedMS: r.Elapsed.Milliseconds(),
		}
		if r.ApplyRequests.Total() > 0 {
			line.ApplyRequests, line.ApplyCost = &r.ApplyRequests, applyCost
		}
		for _, m := range r.Merged {
			line.Merged = append(line.Merged, mergedLine(m))
		}
		return o.printJSON(line)
	}
	for _, m := range r.Merged {
		verb := "would become one"
		if m.By != 0 {
			verb = "are one now"
		}
		if err := o.print("backups %d to %d (%d) %s: number %d", m.From, m.To, m.Backups, verb, m.To); err != nil {
			return err
		}
	}
	if r.Dropped > 0 {
		if err := o.print("%s merged in vain, because a backup was removed or pinned meanwhile", plural(r.Dropped, "series was", "series were")); err != nil {
			return err
		}
	}
	if len(r.Merged) == 0 {
		if err := o.print("nothing to merge (%s)", took(r.Elapsed)); err != nil {
			return err
		}
		return o.printCost(cost)
	}
	if r.Applied {
		if err := o.print("%s instead of %d, %s instead of %s (%s); the old ones stay until expire deletes them",
			plural(int(r.After.Objects), "object"), r.Before.Objects, size(r.After.Bytes), size(r.Before.Bytes), took(r.Elapsed)); err != nil {
			return err
		}
		return o.printCost(cost)
	}
	if err := o.print("%s instead of %d, at most %s instead of %s, for about %s",
		plural(int(r.After.Objects), "object"), r.Before.Objects, size(r.After.Bytes), size(r.Before.Bytes), requests(r.ApplyRequests)); err != nil {
		return err
	}
	if applyCost != nil {
		if err := o.print("cost: about %s", applyCost); err != nil {
			return err
		}
	}
	return o.print("nothing was changed: run it with --apply")
}
