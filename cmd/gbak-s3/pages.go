//go:build man

package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// pagesCommands returns the command that writes man pages. (cobra/doc writes some, too, but
// without exit codes, variables and files, and mandoc does not like them.)
func pagesCommands(a *app) []*cobra.Command {
	return []*cobra.Command{{
		Use:    "man DIR",
		Short:  "Write the man pages into a folder",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			date, err := dateOfPages(os.Getenv("SOURCE_DATE_EPOCH"))
			if err != nil {
				return err
			}
			return writePages(cmd.Root(), args[0], date)
		},
	}}
}

// dateOfPages is today, or what the builder of reproducible packages says.
func dateOfPages(epoch string) (time.Time, error) {
	if epoch == "" {
		return time.Now().UTC(), nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return time.Time{}, usage("SOURCE_DATE_EPOCH: %w", "It is a number of seconds since 1970.", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// writePages writes a page for cmd, and for each command below it that people see.
func writePages(cmd *cobra.Command, dir string, date time.Time) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	path := filepath.Join(dir, pageName(cmd)+".1")
	if err := os.WriteFile(path, pageOf(cmd, date), 0o644); err != nil {
		return err
	}
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" {
			if err := writePages(c, dir, date); err != nil {
				return err
			}
		}
	}
	return nil
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manPage is one that is being written, in the language man(7).
type manPage struct{ bytes.Buffer }

func pageOf(cmd *cobra.Command, date time.Time) []byte {
	cmd.InitDefaultHelpFlag()
	p := &manPage{}
	fmt.Fprintf(p, ".TH %q 1 %q %q\n", strings.ToUpper(pageName(cmd)), date.Format(time.DateOnly), "gbak-s3 "+version())
	p.section("NAME")
	p.WriteString(roff(pageName(cmd)) + ` \- `)
	p.lines(strings.ToLower(cmd.Short[:1]) + cmd.Short[1:])
	p.section("SYNOPSIS")
	for i, line := range waysToCall(cmd) {
		if i > 0 {
			p.macro("br")
		}
		p.synopsis(cmd.CommandPath(), line)
	}
	p.section("DESCRIPTION")
	p.prose(cmp.Or(cmd.Long, cmd.Short+"."))
	if cmd.HasAvailableSubCommands() {
		p.section("COMMANDS")
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				p.term(`\fB`+roff(c.Name())+`\fR`, c.Short)
			}
		}
	}
	p.flags("OPTIONS", cmd.NonInheritedFlags())
	p.flags("OPTIONS OF ALL COMMANDS", cmd.InheritedFlags())
	if cmd.HasExample() {
		p.section("EXAMPLES")
		p.verbatim(cmd.Example)
	}
	p.topics("EXIT STATUS", `\fB`, exitTopics())
	p.topics("ENVIRONMENT", `\fB`, variableTopics())
	p.topics("FILES", `\fI`, fileTopics())
	p.seeAlso(cmd)
	return p.Bytes()
}

// roff writes text so that it means itself. Lines must be begun by something else, or go through
// [manPage.line].
func roff(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "^", `\(ha`, "~", `\(ti`, "`", `\(ga`, `"`, `\(dq`).Replace(text)
}

// line writes a line of the text that is no request, whatever it begins with.
func (p *manPage) line(text string) {
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	p.WriteString(text + "\n")
}

func (p *manPage) macro(name string, args ...string) {
	p.WriteString("." + name)
	for _, arg := range args {
		fmt.Fprintf(p, ` "%s"`, roff(arg))
	}
	p.WriteString("\n")
}

func (p *manPage) section(title string) { p.macro("SH", title) }

// synopsis writes a way to call the command: the command is bold, what people fill in is slanted.
func (p *manPage) synopsis(command, line string) {
	words := strings.Fields(strings.TrimPrefix(line, command))
	text := `\fB` + roff(command) + `\fR`
	for _, word := range words {
		if name := strings.Trim(word, "[]|."); name != "" && name == strings.ToUpper(name) && !strings.HasPrefix(name, "-") {
			word = strings.Replace(roff(word), name, `\fI`+name+`\fR`, 1)
		} else {
			word = roff(word)
		}
		text += " " + word
	}
	p.line(text)
}

// prose writes paragraphs; lines that begin with a space stay as they are.
func (p *manPage) prose(text string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			p.macro("PP")
		}
		if strings.HasPrefix(paragraph, " ") {
			p.verbatim(paragraph)
			continue
		}
		p.lines(paragraph)
	}
}

func (p *manPage) verbatim(text string) {
	p.macro("RS", "4")
	p.macro("EX")
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		p.line(roff(strings.TrimPrefix(line, "  ")))
	}
	p.macro("EE")
	p.macro("RE")
}

// term writes what something means; name is roff already.
func (p *manPage) term(name, meaning string) {
	p.macro("TP")
	p.line(name)
	p.lines(meaning)
}

// lines writes a paragraph, in lines as roff wants them: a new sentence begins a new one, and
// none is long.
func (p *manPage) lines(paragraph string) {
	line := ""
	for _, word := range strings.Fields(paragraph) {
		if line != "" && (len(line)+1+len(word) > 50 || strings.HasSuffix(line, ".") || strings.HasSuffix(line, "?")) {
			p.line(roff(line))
			line = ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	p.line(roff(line))
}

func (p *manPage) topics(title, font string, topics []topic) {
	p.section(title)
	for _, t := range topics {
		p.term(font+roff(t.name)+`\fR`, t.meaning+".")
	}
}

func (p *manPage) flags(title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	p.section(title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, meaning := valueAndMeaning(f)
		name := `\fB` + roff("--"+f.Name) + `\fR`
		if f.Shorthand != "" {
			name = `\fB` + roff("-"+f.Shorthand) + `\fR, ` + name
		}
		if value != "" {
			name += ` \fI` + roff(value) + `\fR`
		}
		if d := defaultOf(f); d != "" {
			meaning += " (default " + d + ")"
		}
		p.term(name, meaning+".")
	})
}

func (p *manPage) seeAlso(cmd *cobra.Command) {
	var others []*cobra.Command
	if cmd.HasParent() {
		others = append(others, cmd.Parent())
	}
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" {
			others = append(others, c)
		}
	}
	p.section("SEE ALSO")
	for i, c := range others {
		comma := ","
		if i == len(others)-1 {
			comma = ""
		}
		p.line(`\fB` + roff(pageName(c)) + `\fR(1)` + comma)
	}
}
