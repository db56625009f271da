package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func listCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list ARCHIVE",
		Short:   "List the backups of an archive",
		Example: `  gbak-s3 list s3://backups/people`,
		Args:    takes("ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.list(cmd, arguments(args, "ARCHIVE")[0])
		},
	}
}

func (a *app) list(cmd *cobra.Command, address string) error {
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	r, err := archive.List(cmd.Context())
	if err != nil {
		return err
	}
	if a.out.json {
		for _, b := range r.Backups {
			if err := a.out.printJSON(lineOf(b)); err != nil {
				return err
			}
		}
		return nil
	}
	if len(r.Backups) == 0 {
		return a.out.print("the archive has no backups")
	}
	w := tabwriter.NewWriter(a.out.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "BACKUP\tTAKEN (UTC)\tKIND\tTIMELINE\tRESTORES\tSIZE\tSTORED\tDATABASE\tHOST")
	for _, b := range r.Backups {
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", b.Seq, b.CreatedAt.Format(time.DateTime), b.Kind,
			b.Timeline, epochs(b.RestoreFrom, b.RestoreTo), size(b.RawBytes), size(b.StoredBytes), b.Database, b.Host)
	}
	return w.Flush()
}
