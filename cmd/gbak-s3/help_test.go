package main

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/rivo/uniseg"
	"github.com/spf13/cobra"
)

// eachCommand calls f with every command that people see.
func eachCommand(f func(cmd *cobra.Command)) {
	a := &app{out: output{stdout: io.Discard, stderr: io.Discard}}
	var each func(cmd *cobra.Command)
	each = func(cmd *cobra.Command) {
		f(cmd)
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() && c.Name() != "help" {
				each(c)
			}
		}
	}
	each(a.command())
}

// The help of every command fits into a terminal of 80 columns and, but for examples, ways to
// call it and the names of flags, into any that is narrower. It has an example of it.
func TestHelpFits(t *testing.T) {
	t.Parallel()
	commands := 0
	eachCommand(func(cmd *cobra.Command) {
		commands++
		for _, columns := range []int{80, 50} {
			var out bytes.Buffer
			writeHelp(&out, cmd, columns)
			section := ""
			for line := range strings.Lines(out.String()) {
				line = strings.TrimSuffix(line, "\n")
				if strings.HasSuffix(line, ":") && !strings.HasPrefix(line, " ") {
					section = line
				}
				isFixed := columns < 80 && (section == "Usage:" || section == "Examples:" || strings.HasPrefix(strings.TrimSpace(line), "-") ||
					strings.HasPrefix(line, " ") && section == "")
				if uniseg.StringWidth(line) > columns && !isFixed && strings.Contains(strings.TrimSpace(line), " ") {
					t.Errorf("%s, %d columns: %q", cmd.CommandPath(), columns, line)
				}
				if strings.HasSuffix(line, " ") || strings.Contains(line, "\t") {
					t.Errorf("%s: %q", cmd.CommandPath(), line)
				}
			}
		}
		if !strings.Contains(cmd.Example, cmd.CommandPath()) {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
	})
	if commands < 30 {
		t.Errorf("found only %d commands", commands)
	}
}

// Every command is in one group, and the groups have no others.
func TestGroups(t *testing.T) {
	t.Parallel()
	var grouped []string
	for _, g := range groups() {
		grouped = append(grouped, g.commands...)
	}
	root := (&app{}).command()
	for _, c := range root.Commands() {
		if n := len(slices.DeleteFunc(slices.Clone(grouped), func(name string) bool { return name != c.Name() })); n > 1 || n == 0 && c.IsAvailableCommand() &&
			!slices.Contains([]string{"help", "completion", "version"}, c.Name()) {
			t.Errorf("%s is in %d groups", c.Name(), n)
		}
	}
	for name, meant := range otherNames() {
		if found, _, err := root.Find([]string{meant}); err != nil || found == root {
			t.Errorf("%s is said to mean %s, which is not there", name, meant)
		}
	}
}

// Whoever knows a command by another name, or has mistyped it, is told the right one.
func TestDidYouMean(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"bakup":            "Did you mean `gbak-s3 backup`?",
		"prune":            "Did you mean `gbak-s3 expire`?",
		"restore-to-epoch": "Did you mean `gbak-s3 restore`?",
		"keys rotat":       "Did you mean `gbak-s3 keys rotate`?",
		"init":             "the first `gbak-s3 backup DATABASE ARCHIVE` creates the archive",
		"xyzzyxyzzy":       "`gbak-s3 --help` shows all commands.",
	} {
		var out bytes.Buffer
		if exit := run(t.Context(), strings.Fields(args), &out, &out); exit != exitUsage || !strings.Contains(strings.ReplaceAll(out.String(), "\n", " "), want) {
			t.Errorf("%s: exit %d, %q", args, exit, out.String())
		}
	}
}

// Shells complete databases, addresses, folders and the values of flags that have only some.
func TestCompletion(t *testing.T) {
	t.Setenv(archiveVariable, "s3://backups/people")
	for _, c := range []struct{ args, want string }{
		{"backup|", "grafeo\n:8"},
		{"backup|people.grafeo|s3", "s3://\ns3://backups/people\n:2"},
		{"restore|", ":2"},
		{"restore|archive|", "grafeo\n:8"},
		{"import|", ":16"},
		{"list|archive|", ":4"},
		{"list|--format|", "text\njson\ncsv\nauto\n:4"},
		{"backup|--level|", "fastest\ndefault\nbetter\nbest\n:4"},
		{"policy|--mode|", "append-only\nrestore\nmonitor\nexpire\ndrill\n:4"},
		{"keys|check|", ":2"},
		{"completion|", "bash\nzsh\nfish\npowershell\n:4"},
	} {
		var out, discard bytes.Buffer
		run(t.Context(), append([]string{cobra.ShellCompNoDescRequestCmd}, strings.Split(c.args, "|")...), &out, &discard)
		if got := strings.TrimSpace(out.String()); got != c.want {
			t.Errorf("%s: %q, want %q", c.args, got, c.want)
		}
	}
	// Each value is one that the flag takes: none of them is a mistake.
	for name, values := range flagValues() {
		known := false
		eachCommand(func(cmd *cobra.Command) {
			known = known || cmd.Flags().Lookup(name) != nil || cmd.PersistentFlags().Lookup(name) != nil
		})
		if !known || len(values) == 0 {
			t.Errorf("no command has --%s", name)
		}
	}
}
