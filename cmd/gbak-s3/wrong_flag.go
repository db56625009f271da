package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gbak-s3/gbak-s3/internal/spelling"
)

// wrongFlag is the error for a flag of cmd that is not there, or that has a value it
// cannot have.
func wrongFlag(cmd *cobra.Command, err error) error {
	help := fmt.Sprintf("`%s --help` shows the flags.", cmd.CommandPath())
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && unknown.GetSpecifiedShortnames() == "" {
		if near := spelling.Nearest(unknown.GetSpecifiedName(), flagNames(cmd)); near != "" {
			help = fmt.Sprintf("Did you mean --%s? ", near) + help
		}
		if known := unneeded[unknown.GetSpecifiedName()]; known != "" {
			help = known
		}
		return usage("there is no flag --%s", help, unknown.GetSpecifiedName())
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		flag := invalid.GetFlag()
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

// unneeded says of flags that other archivers have why there is none here.
var unneeded = map[string]string{
	"incremental": "None is needed: a backup stores what is new since the one before it, wherever that can be done.",
	"compress":    "None is needed: everything is compressed; --level says how hard.",
	"encrypt":     "Say who can open the archive, with --recipient: docs/keys.md.",
	"password":    "Say who can open the archive, with --recipient, or --passphrase: docs/keys.md. No secret is ever the value of a flag.",
	"endpoint":    "It is part of the archive's address: s3://bucket/prefix?endpoint=URL.",
	"region":      "It is part of the archive's address: s3://bucket/prefix?region=NAME.",
	"bucket":      "It is part of the archive's address: s3://bucket/prefix?endpoint=URL.",
	"profile":     "It is part of the archive's address, s3://bucket/prefix?profile=NAME, or $AWS_PROFILE.",
	"access-key":  "Credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from an AWS profile.",
	"secret-key":  "Credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from an AWS profile.",
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

// flagNames returns the names of the flags that cmd has.
func flagNames(cmd *cobra.Command) (names []string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return names
}
