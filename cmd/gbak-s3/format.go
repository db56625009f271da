package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// format is in which form a command answers, and where. Its flags are those of Grafeo's own
// command.
type format struct {
	name string
	json bool
	file string

	isDeed bool // the command does something, and then says how it went

	held *bytes.Buffer // the answer, until it is known whether it is needed
	to   io.Writer     // where it then goes; nil for the file
}

// The names of formats, for --format.
const (
	formatText  = "text"
	formatTable = "table" // text, by the name that Grafeo has for it
	formatJSON  = "json"
	formatCSV   = "csv"
	formatAuto  = "auto"
)

func (f *format) flags(flags *pflag.FlagSet) {
	flags.StringVar(&f.name, "format", formatText, "text, json (one object per line), csv (of list and status), or auto: text on a terminal, else json")
	flags.BoolVar(&f.json, "json", false, "short for --format json")
	flags.StringVarP(&f.file, "output", "o", "", "write the answer to `FILE` once it is complete")
	flags.BoolP("quiet", "q", false, "print only errors, warnings and what was asked for")
}

// isCSV are the commands whose answer is one kind of lines.
func isCSV(cmd *cobra.Command) bool { return slices.Contains([]string{"list", "status"}, cmd.Name()) }

// isDeed are the commands that do something: what they print is how it went, and not what was
// asked for.
func isDeed(cmd *cobra.Command) bool {
	for _, flag := range []string{"plan", "dry-run", "check", "keep"} { // with keep, it says where something is
		if given, _ := cmd.Flags().GetBool(flag); given { // no error where there is no such flag
			return false
		}
	}
	switch strings.TrimPrefix(cmd.CommandPath(), "gbak-s3 ") {
	case "expire", "compact":
		applied, _ := cmd.Flags().GetBool("apply")
		return applied
	case "report":
		file, _ := cmd.Flags().GetString("output")
		return file != "-" // else the page is what was asked for
	case "backup", "restore", "verify", "drill", "attest", "import", "export", "release", "pin", "unpin",
		"copy", "mirror", "keys add", "keys remove", "keys rotate":
		return true
	}
	return false
}

// apply makes out print as the flags say.
func (f *format) apply(cmd *cobra.Command, out *output) error {
	if f.json && cmd.Flags().Changed("format") && f.name != formatJSON {
		return usage("--json and --format %s cannot be used together", "--json is short for --format json.", f.name)
	}
	switch {
	case f.json, f.name == formatJSON:
		out.json = true
	case f.name == formatText, f.name == formatTable:
	case f.name == formatAuto:
		file, ok := out.stdout.(*os.File)
		out.json = f.file != "" && f.file != "-" || !ok || !term.IsTerminal(int(file.Fd()))
	case f.name == formatCSV:
		if !isCSV(cmd) {
			return usage("%s has no answer in CSV", "list and status have one; --format json is for all commands.", cmd.CommandPath())
		}
		out.json, out.csv = true, &table{}
	default:
		return usage("there is no format %q", "Choose text, json, csv or auto.", f.name)
	}
	f.isDeed = isDeed(cmd)
	out.quiet, _ = cmd.Flags().GetBool("quiet")
	switch isOwn := cmd.LocalNonPersistentFlags().Lookup("output") != nil; {
	case f.file != "" && f.file != "-" && !isOwn:
		if cmd.Name() == "watch" {
			return usage("watch does not end with an answer, so there is nothing for --output", "Its events go to stdout: use > FILE.")
		}
		if err := mustBeForAnswers(f.file); err != nil {
			return err
		}
		f.held = &bytes.Buffer{}
	case out.quiet && !out.json && f.isDeed:
		f.held, f.to = &bytes.Buffer{}, out.stdout
	}
	if f.held != nil {
		out.stdout = f.held
		if f.to == nil { // it is for a file
			out.colour, out.columns = false, 0
		}
		cmd.SetOut(f.held)
	}
	return nil
}

// deliver writes an answer that was held back, after a command that has ended with err: into
// its file, or to stdout if it is bad news.
func (a *app) deliver(err error) error {
	f := &a.format
	var badNews *answeredError
	if f.held == nil || err != nil && !errors.As(err, &badNews) {
		return err
	}
	var failed error
	switch {
	case f.to == nil:
		if failed = mustBeForAnswers(f.file); failed == nil { // now: it may be what the command has made
			failed = writeWhole(f.file, f.held.Bytes())
		}
	case badNews != nil:
		_, failed = f.to.Write(f.held.Bytes())
	}
	if failed == nil {
		return err
	}
	switch {
	case badNews != nil: // of which the exit code says more than that this failed
		a.out.warn("there is bad news, but it could not be written: %v", failed)
		return err
	case f.isDeed: // what is done is done
		a.out.warn("it is done, but the answer could not be written: %v", failed)
		return nil
	}
	return &archiver.Error{
		Code: archiver.CodeFailed, Err: fmt.Errorf("the answer could not be written: %w", failed),
		Hint: "Check the path, its permissions, and whether there is space; then run the command again.",
	}
}

// asksForJSON reports whether arguments that were not parsed ask for JSON.
func asksForJSON(args []string) bool {
	before, _, _ := strings.Cut(strings.Join(args, "\n")+"\n", "\n--\n") // what follows is another command
	before = "\n" + before + "\n"
	return strings.Contains(before, "\n--json\n") || strings.Contains(before, "\n--format=json\n") || strings.Contains(before, "\n--format\njson\n")
}
