// Package doctest reads the shell code of a Markdown page, and makes of it a script that does
// what the page says.
//
// A page is run from top to bottom, by one shell, in an empty folder. Its fenced blocks are steps
// if their language is
//
//   - sh: each command must succeed;
//   - console: lines that begin with "$ " are commands, and what follows each is what it prints.
//
// Blocks in other languages are text; a block must have a language. HTML comments, which readers
// do not see, are marks. A mark of the next block stands directly before it:
//
//	<!-- not run: needs AWS -->         it is not run, and why
//	<!-- run by: e2e/x_test.go -->      that file runs it; in a page's first line: the whole page
//	<!-- file: watch.yaml -->           it is the content of this file, in any language
//	<!-- exits with 3 -->               its last command ends with this exit code
//	<!-- in the background -->          its one command runs until the page ends
//
// Others are steps themselves:
//
//	<!-- run: cp "$REPO/examples/social.grafeo" people.grafeo -->     shell code, also of several lines
//	<!-- age1ada… stands for $(tail -1 ada.pub) -->                   from here on; the shell expands it
//
// And one is about the page, in its first lines:
//
//	<!-- needs: grafeo -->
//
// Two others stand around what a script writes into a page, and mean nothing here:
//
//	<!-- servers: written by scripts/stores-test.sh -->
//	<!-- end of servers -->
package doctest

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// Kind says what a step does.
type Kind int

// The kinds of steps.
const (
	Shell      Kind = iota // commands of a sh block, or of a mark
	Command                // one command of a console block, whose output is compared
	File                   // writes a file
	Background             // starts a command that stays
	StandsFor              // replaces a text from here on
)

// Step is something that a page does.
type Step struct {
	Line int // where it stands
	Kind Kind
	Text string // shell code, or the file's content
	Name string // of the file; or the text that is replaced
	Want string // what a Command prints
	Exit int    // the exit code of a Shell step
}

// Mark is a block that the page's script leaves out.
type Mark struct {
	Line  int
	Why   string // why it is not run, if it is not
	RunBy string // the file that runs it instead
}

// Page is what a Markdown page does.
type Page struct {
	Name  string
	RunBy string // the file that runs the page, if that is not the ordinary test
	Needs []string
	Steps []Step
	Marks []Mark
}

var (
	fence     = regexp.MustCompile("^( *)(```+)([^`]*)$")
	exitsWith = regexp.MustCompile(`^exits with (\d+)$`)
	standsFor = regexp.MustCompile(`(?s)^(.+) stands for (.+)$`)
	language  = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
)

// reader goes through the lines of a page.
type reader struct {
	page  *Page
	lines []string
	at    int // the index of the next line
	next  marks
	err   error
}

// marks are those of the next block.
type marks struct {
	line                int
	notRun, runBy, file string
	exit                int
	background          bool
}

// Parse reads a page. Errors name its line.
func Parse(name, text string) (*Page, error) {
	r := &reader{page: &Page{Name: name}, lines: strings.Split(text, "\n")}
	for r.at < len(r.lines) && r.err == nil {
		line := r.lines[r.at]
		r.at++
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "<!--"):
			r.comment(line)
		case fence.MatchString(line):
			r.block(fence.FindStringSubmatch(line))
		case strings.TrimSpace(line) != "" && r.next != marks{}:
			r.fail(r.next.line, "no block follows this mark")
		}
	}
	if r.err == nil && r.next != (marks{}) {
		r.fail(r.next.line, "no block follows this mark")
	}
	return r.page, r.err
}

func (r *reader) fail(line int, format string, args ...any) {
	r.err = fmt.Errorf("%s:%d: %s", r.page.Name, line, fmt.Sprintf(format, args...))
}

func (r *reader) step(s Step) { r.page.Steps = append(r.page.Steps, s) }

// comment reads a mark, of which line is the first one.
func (r *reader) comment(line string) {
	begin := r.at
	for !strings.Contains(line, "-->") {
		if r.at == len(r.lines) {
			r.fail(begin, "the comment has no end")
			return
		}
		line += "\n" + r.lines[r.at]
		r.at++
	}
	text, after, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "<!--"), "-->")
	if strings.TrimSpace(after) != "" {
		r.fail(begin, "a mark has a line of its own")
		return
	}
	text = strings.TrimSpace(text)
	name, value, _ := strings.Cut(text, ":")
	value = strings.TrimSpace(value)
	ofBlock := func() { r.next.line = begin }
	switch {
	case name == "not run" && value != "":
		ofBlock()
		r.next.notRun = value
	case name == "run by" && value != "" && begin == 1:
		r.page.RunBy = value
	case name == "run by" && value != "":
		ofBlock()
		r.next.runBy = value
	case name == "file" && value != "":
		ofBlock()
		r.next.file = value
	case text == "in the background":
		ofBlock()
		r.next.background = true
	case exitsWith.MatchString(text):
		ofBlock()
		_, _ = fmt.Sscan(exitsWith.FindStringSubmatch(text)[1], &r.next.exit)
	case strings.HasPrefix(value, "written by "), strings.HasPrefix(text, "end of "):
		// Around what a script writes into the page.
	case name == "needs" && value != "":
		r.page.Needs = append(r.page.Needs, strings.Fields(value)...)
	case name == "run" && value != "":
		r.step(Step{Line: begin, Text: value, Exit: r.next.exit})
		if r.next == (marks{line: r.next.line, exit: r.next.exit}) {
			r.next = marks{} // the exit code was that of this mark
		}
	case standsFor.MatchString(text):
		m := standsFor.FindStringSubmatch(text)
		r.step(Step{Line: begin, Kind: StandsFor, Name: m[1], Text: m[2]})
	default:
		r.fail(begin, "no such mark: %q", text)
	}
}

// block reads a fenced block, whose first line has these parts.
func (r *reader) block(opening []string) {
	begin := r.at
	indent, ticks, info := opening[1], opening[2], strings.TrimSpace(opening[3])
	var content strings.Builder
	for {
		if r.at == len(r.lines) {
			r.fail(begin, "the block has no end")
			return
		}
		line := r.lines[r.at]
		r.at++
		if m := fence.FindStringSubmatch(line); m != nil && m[3] == "" && len(m[2]) >= len(ticks) {
			break
		}
		content.WriteString(strings.TrimPrefix(line, indent) + "\n")
	}
	m := r.next
	r.next = marks{}
	shell := info == "sh" || info == "console"
	switch {
	case !language.MatchString(info):
		r.fail(begin, "the block needs a language: sh or console if it is to be run, else text or its own")
	case info == "bash" || info == "shell":
		r.fail(begin, "the language of shell code is sh here")
	case m.notRun != "" || m.runBy != "":
		r.page.Marks = append(r.page.Marks, Mark{Line: begin, Why: m.notRun, RunBy: m.runBy})
	case m.file != "":
		if !filepath.IsLocal(m.file) {
			r.fail(begin, "the file would be outside of the page's folder")
		}
		r.step(Step{Line: begin, Kind: File, Name: m.file, Text: content.String()})
	case !shell && m != marks{}:
		r.fail(begin, "a mark of shell code before %s", info)
	case !shell:
	case m.background:
		r.step(Step{Line: begin, Kind: Background, Text: content.String()})
	case info == "sh":
		r.step(Step{Line: begin, Text: content.String(), Exit: m.exit})
	default:
		r.session(begin, m.exit, content.String())
	}
}

// session adds the commands of a console block; exit is the code of the last one.
func (r *reader) session(begin, exit int, content string) {
	commands := strings.Split("\n"+content, "\n$ ")
	if strings.TrimSpace(commands[0]) != "" || len(commands) < 2 {
		r.fail(begin, "a console block begins with a command: $ ...")
		return
	}
	for i, c := range commands[1:] {
		command, want, _ := strings.Cut(c, "\n")
		if want != "" && !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		s := Step{Line: begin, Kind: Command, Text: command + "\n", Want: want}
		if i == len(commands)-2 {
			s.Exit = exit
		}
		r.step(s)
	}
}
