package main

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagValues are the values of flags that have only some, by the name of the flag.
func flagValues() map[string][]string {
	return map[string][]string{
		"format":          {formatText, formatJSON, formatCSV, formatAuto},
		"log-level":       {"debug", "info", "warn", "error"},
		"log-format":      {logText, logJSON},
		"level":           {"fastest", "default", "better", "best"},
		"mode":            {"append-only", "restore", "monitor", "expire", "drill"},
		"for":             {"aws", "minio"},
		"server-side":     {"auto", "never"},
		"heartbeat-style": {"plain", "healthchecks"},
	}
}

// completeValues lets shells complete the arguments and flags of all commands below cmd, as far
// as their names say what they are.
func completeValues(cmd *cobra.Command) {
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if values := flagValues()[f.Name]; values != nil && f.Value.Type() != "bool" {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // fails for a second one only
		}
	})
	if cmd.HasParent() && !cmd.HasSubCommands() && cmd.ValidArgsFunction == nil && cmd.ValidArgs == nil {
		cmd.ValidArgsFunction = completeArguments(argumentsOf(cmd))
	}
	for _, c := range cmd.Commands() {
		completeValues(c)
	}
}

// argumentsOf returns the names of a command's arguments, as its first way to be called has
// them.
func argumentsOf(cmd *cobra.Command) []string {
	line, _, _ := strings.Cut(cmd.Use, "\n")
	var names []string
	for _, word := range strings.Fields(line)[1:] {
		if strings.HasPrefix(word, "-") || strings.HasPrefix(word, "[-") {
			break
		}
		names = append(names, strings.Trim(word, "[]."))
	}
	return names
}

// completeArguments completes arguments of these names.
func completeArguments(names []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= len(names) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		switch names[len(args)] {
		case "DATABASE": // 0.5 has directories, too
			return []string{"grafeo"}, cobra.ShellCompDirectiveFilterFileExt
		case "ARCHIVE", "OLD", "NEW", "SRC", "DST":
			return addresses(typed), cobra.ShellCompDirectiveNoSpace
		case "NATIVE_FOLDER":
			return nil, cobra.ShellCompDirectiveFilterDirs
		case "PATH":
			return nil, cobra.ShellCompDirectiveDefault
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// addresses returns how addresses may begin that begin like typed. Shells add folders.
func addresses(typed string) []cobra.Completion {
	known := []string{"s3://", "file:///"}
	if address := os.Getenv(archiveVariable); address != "" && !slices.Contains(known, address) {
		known = append(known, address)
	}
	var fitting []cobra.Completion
	for _, address := range known {
		if typed != "" && strings.HasPrefix(address, typed) {
			fitting = append(fitting, address)
		}
	}
	return fitting
}
