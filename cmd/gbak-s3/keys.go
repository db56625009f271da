package main

import (
	"github.com/spf13/cobra"
)

func keysCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys COMMAND",
		Short: "Make and manage the keys of encrypted archives",
		Long: `keys makes identities, which open encrypted archives, and manages whose identities open
an archive. docs/keys.md says which to make, where to keep them, and what to do when one
is lost.`,
		Example: `  gbak-s3 keys new -o key.txt
  gbak-s3 keys check s3://backups/people -i key.txt`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return noCommand(cmd, args[0])
		},
	}
	cmd.AddCommand(keysNewCommand(a), keysListCommand(a), keysCheckCommand(a), keysAddCommand(a), keysRemoveCommand(a),
		keysRotateCommand(a), keysWriterCommand(a), keysSheetCommand(a))
	return cmd
}
