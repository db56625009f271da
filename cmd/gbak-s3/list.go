package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/archiver"
)

func listCommand(a *app) *cobra.Command {
	var removed bool
	cmd := &cobra.Command{
		Use:   "list ARCHIVE",
		Short: "List the backups of an archive",
		Long: `list shows the backups of an archive, the newest last.

With --removed it shows what is left of backups that were removed or merged into others:
their records, which a later expiry deletes. They cannot be restored.`,
		Example: `  gbak-s3 list s3://backups/people`,
		Args:    takes("ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.list(cmd, arguments(args, "ARCHIVE")[0], removed)
		},
	}
	cmd.Flags().BoolVar(&removed, "removed", false, "list the backups that were removed, as far as their records still exist")
	return cmd
}

func (a *app) list(cmd *cobra.Command, address string, removed bool) error {
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	list, none := archive.List, "the archive has no backups"
	if removed {
		list, none = archive.ListRemoved, "nothing is left of removed backups"
	}
	r, err := list(cmd.Context())
	if err != nil {
		return err
	}
	if a.out.json {
		for _, b := range r.Backups {
			line := lineOf(b)
			line.Removed, line.Encryption = removed, lineOfEncryption(r.Encryption)
			if err := a.out.printJSON(line); err != nil {
				return err
			}
		}
		return nil
	}
	if len(r.Backups) == 0 {
		err = a.out.print("%s", none)
	} else {
		err = a.out.printBackups(r.Backups)
	}
	if err != nil {
		return err
	}
	return a.out.print("encryption %s", encryption(r.Encryption))
}

// printBackups prints a table of backups, with a column for labels if one has any.
func (o *output) printBackups(all []archiver.Backup) error {
	isLabelled := slices.ContainsFunc(all, func(b archiver.Backup) bool { return len(b.Labels) > 0 })
	w := &aligned{out: o.stdout}
	row := func(columns, labels string) {
		if isLabelled {
			columns += "\t" + labels
		}
		fmt.Fprintln(w, columns)
	}
	row("BACKUP\tTAKEN (UTC)\tKIND\tTIMELINE\tRESTORES\tSIZE\tSTORED\tDATABASE\tHOST", "LABELS")
	for _, b := range all {
		kind := string(b.Kind)
		if b.From != 0 {
			kind = fmt.Sprintf("%s %d-%d", b.Kind, b.From, b.Seq)
		}
		row(fmt.Sprintf("%d\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s", b.Seq, b.CreatedAt.Format(time.DateTime), kind,
			b.Timeline, epochs(b.RestoreFrom, b.RestoreTo), size(b.RawBytes), size(b.StoredBytes), visible(b.Database), visible(b.Host)), labels(b.Labels))
	}
	return w.Flush()
}

// labels returns labels as backup takes them, in the order of their names.
func labels(all map[string]string) string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		words = append(words, visible(key+"="+all[key]))
	}
	return strings.Join(words, ", ")
}
