package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
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

--removed shows the backups that were removed, or merged into others, as long as their
records exist; a later expiry deletes these. Such backups cannot be restored.`,
		Example: `  gbak-s3 list s3://backups/people`,
		Args:    takes("ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.list(cmd, arguments(args, "ARCHIVE")[0], removed)
		},
	}
	cmd.Flags().BoolVar(&removed, "removed", false, "list removed backups whose records still exist")
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

// column is a column of a list, and what it is for one backup.
type column struct {
	title string
	cell  func(b archiver.Backup) string
}

// columnsOfEach are what each list has.
func columnsOfEach() []column {
	return []column{
		{"BACKUP", func(b archiver.Backup) string { return strconv.FormatUint(b.Seq, 10) }},
		{"TAKEN (UTC)", func(b archiver.Backup) string { return b.CreatedAt.Format(time.DateTime) }},
		{"KIND", func(b archiver.Backup) string {
			if b.From != 0 {
				return fmt.Sprintf("%s %d-%d", b.Kind, b.From, b.Seq)
			}
			return string(b.Kind)
		}},
		{"EPOCHS", func(b archiver.Backup) string {
			if b.RestoreFrom == b.RestoreTo {
				return strconv.FormatUint(b.RestoreTo, 10)
			}
			return fmt.Sprintf("%d-%d", b.RestoreFrom, b.RestoreTo)
		}},
		{"SIZE", func(b archiver.Backup) string { return size(b.RawBytes) }},
		{"STORED", func(b archiver.Backup) string { return size(b.StoredBytes) }},
	}
}

// columnsOfSome are what most lists have one value of, which is then said once, below the table.
func columnsOfSome() []column {
	return []column{
		{"DATABASE", func(b archiver.Backup) string { return visible(b.Database) }},
		{"HOST", func(b archiver.Backup) string { return visible(b.Host) }},
		{"TIMELINE", func(b archiver.Backup) string { return strconv.Itoa(b.Timeline) }},
		{"LABELS", func(b archiver.Backup) string { return labels(b.Labels) }},
	}
}

// printBackups prints a table of backups.
func (o *output) printBackups(all []archiver.Backup) error {
	columns := columnsOfEach()
	var common []string
	for _, c := range columnsOfSome() {
		value := c.cell(all[0])
		switch {
		case slices.ContainsFunc(all, func(b archiver.Backup) bool { return c.cell(b) != value }):
			columns = append(columns, c)
		case value != "":
			common = append(common, strings.ToLower(c.title)+" "+value)
		}
	}
	w := o.aligned()
	row := func(cell func(column) string) {
		var cells []string
		for _, c := range columns {
			cells = append(cells, cell(c))
		}
		fmt.Fprintln(w, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
	}
	row(func(c column) string { return c.title })
	for _, b := range all {
		row(func(c column) string { return c.cell(b) })
	}
	if err := w.Flush(); err != nil || len(common) == 0 {
		return err
	}
	return o.print("%s", strings.Join(common, ", "))
}

// labels returns labels as backup takes them, in the order of their names.
func labels(all map[string]string) string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		words = append(words, visible(key+"="+all[key]))
	}
	return strings.Join(words, ", ")
}
