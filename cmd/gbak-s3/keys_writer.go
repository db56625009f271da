package main

import (
	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/storage"
)

func keysWriterCommand(a *app) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "writer ARCHIVE -i FILE [-o FILE]",
		Short: "Make the writer key of a host again",
		Long: `writer makes the key with which a host backs up into an archive: after it was lost or
revoked, or for another host. It opens the list of backups, but no data. Without -o it
goes into this host's state folder, where backups look for it.`,
		Example: `  gbak-s3 keys writer s3://backups/people -i key.txt
  gbak-s3 keys writer s3://backups/people -i key.txt -o writer.key`,
		Args: takes("ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.makeWriterKey(cmd, arguments(args, "ARCHIVE")[0], file)
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "write the key to `FILE`, which must not exist, for --writer-key of another host")
	return cmd
}

// writerKeyLine is the answer of keys writer in JSON. It has no secret.
type writerKeyLine struct {
	Type      string                `json:"type"` // "writer_key"
	ArchiveID string                `json:"archive_id"`
	File      string                `json:"file"` // "" for the state folder
	Requests  storage.RequestCounts `json:"requests"`
	Cost      *costLine             `json:"cost,omitempty"`
	ElapsedMS int64                 `json:"elapsed_ms"`
}

// makeWriterKey makes a writer key, and writes it to a file or, for "", into the state folder.
func (a *app) makeWriterKey(cmd *cobra.Command, address, path string) error {
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	r, err := archive.MakeWriterKey(cmd.Context(), path == "")
	if err != nil {
		return err
	}
	if path != "" {
		if err := createSecret(path, r.Key.Encode()); err != nil {
			return err
		}
	}
	if a.out.json {
		return a.out.printJSON(writerKeyLine{"writer_key", r.Keys.ArchiveID, path, r.Requests, a.out.costOf(r.Requests, 0, 0), r.Elapsed.Milliseconds()})
	}
	where := "in the state folder of this host, which can back up now"
	if path != "" {
		where = "in " + path + "; use it with --writer-key or $" + writerKeyVariable
	}
	err = a.out.print("the writer key of archive %s is %s", r.Keys.ArchiveID, where)
	if err == nil {
		err = a.out.printTaken(r.Requests, took(r.Elapsed))
	}
	return err
}
