package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// group is some commands under one heading.
type group struct {
	title    string
	commands []string
}

// groups are the commands in the order in which people meet them.
func groups() []group {
	return []group{
		{"Back up and restore", []string{"backup", "restore", "list", "status", "watch"}},
		{"Check and prove", []string{"verify", "drill", "attest", "doctor", "inspect", "report"}},
		{"Keep and remove backups", []string{"expire", "policy", "pin", "unpin", "compact"}},
		{"More archives, and Grafeo's own backups", []string{"copy", "mirror", "import", "export"}},
		{"When something is wrong, or changes", []string{"salvage", "release", "keys", "health"}},
	}
}

// columnsOf returns how many columns text may have that goes to w: those of a terminal, and
// never more than are pleasant to read.
func columnsOf(w io.Writer) int {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return min(max(width, 40), defaultColumns)
		}
	}
	return defaultColumns
}

// writeHelp writes the help of a command.
func writeHelp(w io.Writer, cmd *cobra.Command, columns int) {
	cmd.InitDefaultHelpFlag()
	about := cmd.Long
	if about == "" {
		about = cmd.Short + "."
	}
	fmt.Fprintln(w, wrapProse(about, columns))
	fmt.Fprintln(w, "\nUsage:")
	for _, line := range waysToCall(cmd) {
		fmt.Fprintln(w, "  "+line)
	}
	if cmd.HasExample() {
		fmt.Fprintf(w, "\nExamples:\n%s\n", cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		writeCommands(w, cmd, columns)
	}
	writeFlags(w, "Flags", cmd.NonInheritedFlags(), columns)
	writeFlags(w, "Flags of all commands", cmd.InheritedFlags(), columns)
	if !cmd.HasParent() {
		fmt.Fprintln(w, "\nExit codes:")
		writeTopics(w, exitTopics(), columns)
		fmt.Fprintln(w, "\n"+wrap("`"+cmd.Name()+" COMMAND --help` has examples and all flags of a command.", columns))
	}
}

// waysToCall returns the ways to call a command, one a line.
func waysToCall(cmd *cobra.Command) []string {
	if !cmd.HasParent() {
		return []string{cmd.Name() + " COMMAND [flags]"}
	}
	lines := strings.Split(cmd.UseLine(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return lines
}

func writeCommands(w io.Writer, cmd *cobra.Command, columns int) {
	all := map[string]*cobra.Command{}
	var others []string // that are in no group
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" {
			all[c.Name()], others = c, append(others, c.Name())
		}
	}
	shown := groups()
	if cmd.HasParent() {
		shown = nil
	}
	for _, g := range shown {
		others = slices.DeleteFunc(others, func(name string) bool { return slices.Contains(g.commands, name) })
	}
	title := "Other commands"
	if shown == nil {
		title = "Commands"
	}
	for _, g := range append(shown, group{title, others}) {
		var topics []topic
		for _, name := range g.commands {
			if c := all[name]; c != nil {
				topics = append(topics, topic{name, c.Short})
			}
		}
		if len(topics) > 0 {
			fmt.Fprintf(w, "\n%s:\n", g.title)
			writeTopics(w, topics, columns)
		}
	}
}

// topicIndent is where what topics mean begins.
const topicIndent = 14

func writeTopics(w io.Writer, topics []topic, columns int) {
	for _, t := range topics {
		text := strings.ReplaceAll(wrap(t.meaning, columns-topicIndent), "\n", "\n"+strings.Repeat(" ", topicIndent))
		fmt.Fprintf(w, "  %-*s%s\n", topicIndent-2, t.name, text)
	}
}

func writeFlags(w io.Writer, title string, flags *pflag.FlagSet, columns int) {
	if !flags.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(w, "\n%s:\n", title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, meaning := valueAndMeaning(f)
		name := "    --" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", --" + f.Name
		}
		if value != "" {
			name += " " + value
		}
		if d := defaultOf(f); d != "" {
			meaning += " (default " + d + ")"
		}
		const indent = 10
		fmt.Fprintf(w, "  %s\n%s%s\n", name, strings.Repeat(" ", indent),
			strings.ReplaceAll(wrap(meaning, columns-indent), "\n", "\n"+strings.Repeat(" ", indent)))
	})
}

// valueAndMeaning returns the name of a flag's value, "" if it takes none, and what it is for.
func valueAndMeaning(f *pflag.Flag) (value, meaning string) {
	value, meaning = pflag.UnquoteUsage(f)
	switch value {
	case "string", "strings":
		value = "TEXT"
	case "int", "uint", "int64", "uint64":
		value = "N"
	case "duration":
		value = "TIME"
	case "rate":
		value = "RATE"
	}
	if value != "" { // where it stands there for its name alone
		meaning = strings.Replace(meaning, " ("+value+")", "", 1)
	}
	return value, meaning
}

// defaultOf returns what a flag is if it is not given, "" if that needs no saying.
func defaultOf(f *pflag.Flag) string {
	if slices.Contains([]string{"", "false", "[]", "0", "0s"}, f.DefValue) {
		return ""
	}
	return f.DefValue
}

// wrapProse wraps paragraphs. Lines that begin with a space stay as they are.
func wrapProse(text string, columns int) string {
	paragraphs := strings.Split(strings.TrimSpace(text), "\n\n")
	for i, p := range paragraphs {
		if !strings.HasPrefix(p, " ") {
			paragraphs[i] = wrap(p, columns)
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// wrap breaks a paragraph into lines of at most so many columns. A longer word has a line for
// itself, and a command between backquotes, which people copy, is one word.
func wrap(text string, columns int) string {
	var b strings.Builder
	at := 0
	for _, word := range wordsOf(text) {
		width := cellsOf(word)
		switch {
		case at == 0:
		case at+1+width > columns:
			b.WriteByte('\n')
			at = 0
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += width
	}
	return b.String()
}

// wordsOf returns the words of a paragraph; what is between backquotes belongs together.
func wordsOf(text string) []string {
	var words []string
	isOpen := false
	for _, word := range strings.Fields(text) {
		if isOpen {
			words[len(words)-1] += " " + word
		} else {
			words = append(words, word)
		}
		isOpen = isOpen != (strings.Count(word, "`")%2 == 1)
	}
	return words
}
