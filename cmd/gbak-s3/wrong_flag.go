package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gbak-s3/gbak-s3/internal/spelling"
)

// wrongFlag is the error for a flag of cmd that is not there, or that has a value it
// cannot have. If the command itself is not there, that comes first.
func wrongFlag(cmd *cobra.Command, args []string, err error) error {
	if name := wordAfter(cmd, args); name != "" {
		return noCommand(cmd, name)
	}
	help := fmt.Sprintf("`%s --help` shows the flags.", cmd.CommandPath())
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name := unknown.GetSpecifiedName()
		dashes, isLetter := "--", unknown.GetSpecifiedShortnames() != ""
		if isLetter {
			dashes = "-"
		} else if near := spelling.Nearest(name, flagNames(cmd)); near != "" {
			help = fmt.Sprintf("Did you mean --%s? ", near) + help
		}
		if known := otherFlag(cmd, name); known != "" {
			help = known
		}
		return usage("there is no flag %s%s", help, dashes, name)
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		flag := invalid.GetFlag()
		if isNewest(invalid.GetValue()) && slices.Contains([]string{"backup", "epoch"}, flag.Name) {
			help = stateHint
		}
		if what := valueOf(flag.Value.Type()); what != "" { // what strconv says of it is for programmers
			return usage("--%s takes %s, and not %q", help, flag.Name, what, invalid.GetValue())
		}
		return usage("--%s %q: %w", help, flag.Name, invalid.GetValue(), invalid.Unwrap())
	}
	if missing, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return usage("--%s needs a value", help, missing.GetFlag().Name)
	}
	return usage("%w", help, err)
}

// valueOf says what a flag takes whose value is of one of the types that pflag itself reads.
func valueOf(kind string) string {
	switch {
	case kind == "bool":
		return "true or false"
	case kind == "duration":
		return "a duration such as 30s, 10m or 1h30m"
	case strings.HasPrefix(kind, "uint"):
		return "a number from 0 on"
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "float"):
		return "a number"
	}
	return ""
}

// wordAfter returns the word after that of a command which has others below it: the name of one
// that there is not.
func wordAfter(cmd *cobra.Command, args []string) string {
	if !cmd.HasAvailableSubCommands() {
		return ""
	}
	depth := len(strings.Fields(cmd.CommandPath())) - 1
	if len(args) <= depth || depth > 0 && args[depth-1] != cmd.Name() || strings.HasPrefix(args[depth], "-") {
		return ""
	}
	return args[depth]
}

// oneDash matches a flag of more than one letter with one dash.
var oneDash = regexp.MustCompile(`^-([a-z][a-z0-9]*(?:-[a-z0-9]+)*)(?:=.*)?$`)

// mustHaveTwoDashes refuses a known word with one dash, as other programs write flags: its first
// letter would be taken for a flag, and the others for the value of that.
func mustHaveTwoDashes(root *cobra.Command, args []string) error {
	cmd, rest, err := root.Find(args)
	if err != nil || len(args) > 0 && strings.HasPrefix(args[0], "__") { // which is said when it is run; a shell completes
		return nil //nolint:nilerr // the same
	}
	for _, arg := range rest {
		if arg == "--" {
			return nil
		}
		parts := oneDash.FindStringSubmatch(arg)
		if parts == nil || len(parts[1]) < 2 {
			continue
		}
		name := parts[1]
		if flag := cmd.Flag(name); flag != nil || name == "help" || cmd.InheritedFlags().Lookup(name) != nil {
			return usage("-%s has one dash", fmt.Sprintf("Write --%s.", name), name)
		}
		if known := otherFlag(cmd, name); known != "" {
			return usage("there is no flag --%s", known, name)
		}
	}
	return nil
}

// flagNames returns the names of the flags that cmd has.
func flagNames(cmd *cobra.Command) (names []string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return names
}
