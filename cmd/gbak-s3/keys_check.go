package main

import (
	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/storage"
)

func keysCheckCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check ARCHIVE -i FILE",
		Short: "Try whether an identity opens an archive",
		Long: `check opens an archive with nothing but the identities that you give, as on a new host:
the keys of all generations, the newest backup's manifest, and one of its segments. Do
this once with every identity, and once a year with those in a safe.`,
		Example: `  gbak-s3 keys check s3://backups/people -i key.txt`,
		Args:    takes("ARCHIVE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.checkKeys(cmd, arguments(args, "ARCHIVE")[0])
		},
	}
}

// keysCheckLine is the answer of keys check in JSON.
type keysCheckLine struct {
	Type      string                `json:"type"` // "keys_check"
	Keys      *keyListLine          `json:"keys"`
	Backup    uint64                `json:"backup"` // whose manifest was opened
	Object    string                `json:"object"` // from which data was opened
	Bytes     int64                 `json:"bytes"`  // of data
	Requests  storage.RequestCounts `json:"requests"`
	Cost      *costLine             `json:"cost,omitempty"`
	ElapsedMS int64                 `json:"elapsed_ms"`
}

func (a *app) checkKeys(cmd *cobra.Command, address string) error {
	archive, err := a.archive(cmd.Context(), address)
	if err != nil {
		return err
	}
	r, err := archive.CheckKeys(cmd.Context())
	if err != nil {
		return err
	}
	if a.out.json {
		return a.out.printJSON(keysCheckLine{
			"keys_check", lineOfKeys(r.Keys), r.Backup, r.Object, r.Bytes, r.Requests, a.out.costOf(r.Requests, 0, 0), r.Elapsed.Milliseconds(),
		})
	}
	err = a.out.print("what was given opens the archive: %s of keys, the manifest of backup %d, and %s of data in %s",
		plural(len(r.Keys.Generations), "generation"), r.Backup, size(r.Bytes), r.Object)
	if err == nil {
		err = a.out.printTaken(r.Requests, took(r.Elapsed))
	}
	return err
}
