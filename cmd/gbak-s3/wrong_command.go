package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gbak-s3/gbak-s3/internal/spelling"
)

// otherNames are what other programs, and Grafeo's own command, call our commands.
func otherNames() map[string]string {
	return map[string]string{
		"create": "backup", "full": "backup", "incremental": "backup", "snapshot": "backup", "save": "backup", "replicate": "watch",
		"serve": "watch", "server": "watch", "daemon": "watch", "agent": "watch", "run": "watch", "start": "watch",
		"cron": "watch", "schedule": "watch", "monitor": "watch",
		"push": "backup", "archive-push": "backup", "upload": "backup", "download": "restore", "pull": "restore", "get": "restore", "archive-get": "restore", "dump": "restore",
		"databases": "status", "generations": "list", "cleanup": "expire", "purge": "expire",
		"restore-to-epoch": "restore", "recover": "restore",
		"ls": "list", "snapshots": "list", "backups": "list", "info": "inspect", "stats": "status",
		"validate": "verify", "check": "verify", "test": "drill",
		"forget": "expire", "prune": "expire", "gc": "expire", "delete": "expire", "remove": "expire", "rm": "expire",
		"sync": "mirror", "clone": "copy", "repair": "salvage", "completions": "completion",
	}
}

// unneededCommands says of commands that other archivers have why there is none here.
func unneededCommands() map[string]string {
	return map[string]string{
		"init":          "None is needed: the first `gbak-s3 backup DATABASE ARCHIVE` creates the archive.",
		"unlock":        "None is needed: nothing in an archive is ever locked, also not by a run that was killed.",
		"index":         "None is needed: there is no index or cache of an archive that could be out of date.",
		"mount":         "To look into a state, restore it to another path: `gbak-s3 restore ARCHIVE PATH --time TIME`.",
		"diff":          "To compare two states, restore each to a path of its own: `gbak-s3 restore ARCHIVE PATH --backup N`.",
		"repository":    "None is needed: the archive's address is an argument, and the first `gbak-s3 backup DATABASE ARCHIVE` creates it.",
		"stanza-create": "None is needed: the first `gbak-s3 backup DATABASE ARCHIVE` creates the archive.",
		"login":         "None is needed: credentials are found where the AWS tools find them, such as AWS_PROFILE.",
		"config":        "None is needed: commands take arguments and flags, and `gbak-s3 watch --config FILE` reads a file: docs/watch.md.",
		"man":           "`gbak-s3 COMMAND --help` has the same text as the man pages, which the packages contain.",
		"keygen":        "`gbak-s3 keys new -o FILE` makes a key.",
	}
}

// noCommand is the error for a command that there is not.
func noCommand(cmd *cobra.Command, name string) error {
	words := strings.TrimPrefix(cmd.CommandPath()+" ", "gbak-s3 ") // above it
	hint := fmt.Sprintf("`%s --help` shows all commands.", cmd.CommandPath())
	var known []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			known = append(known, c.Name())
		}
	}
	meant := otherNames()[name]
	if meant == "" || cmd.HasParent() {
		meant = spelling.Nearest(name, known)
	}
	switch none := unneededCommands()[name]; {
	case none != "" && !cmd.HasParent():
		hint = none
	case meant != "":
		hint = fmt.Sprintf("Did you mean `%s %s`? ", cmd.CommandPath(), meant) + hint
	}
	return usage("there is no command %q", hint, words+name)
}

// helpKnowsCommands makes `help NAME` say that there is no command NAME, instead of showing the help of
// root.
func helpKnowsCommands(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	for _, help := range root.Commands() {
		if help.Name() != "help" {
			continue
		}
		help.Run = nil
		help.RunE = func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			switch {
			case err != nil:
				return err
			case len(rest) > 0 && cmd.HasAvailableSubCommands():
				return noCommand(cmd, rest[0])
			}
			return cmd.Help()
		}
	}
}
