package main

import (
	"io"
	"os"
	"strings"

	"github.com/rivo/uniseg"
	"golang.org/x/term"
)

// widthOf returns how many columns an answer has that goes to w: those of a terminal, and 0, for no limit,
// where scripts read it.
func widthOf(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return max(width, narrowest)
	}
	return defaultColumns
}

// narrowest is the narrowest terminal for which text is wrapped.
const narrowest = 40

// cellsOf returns how many columns of a terminal a text takes. Colours take none.
func cellsOf(text string) int { return uniseg.StringWidth(uncoloured.Replace(text)) }

var uncoloured = strings.NewReplacer(string(good), "", string(doubt), "", string(bad), "", noColour, "")

// fitTo wraps lines of an answer that are longer than so many columns; 0 is for no limit. What
// people copy stays as it is, as terminals join only the lines that they break themselves.
func fitTo(text string, columns int) string {
	if columns == 0 {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if cellsOf(line) > columns && !isToCopy(line) {
			lines[i] = hang(line, columns)
		}
	}
	return strings.Join(lines, "\n")
}

// isToCopy reports whether a line is a command or a document.
func isToCopy(line string) bool {
	line = strings.TrimLeft(line, " ")
	return strings.HasPrefix(line, self()+" ") || strings.HasPrefix(line, "{") || strings.HasPrefix(line, `"`)
}

// hang wraps a line so that all but the first are indented: below the text if the line is a name,
// a gap of two spaces or more, and a text; else a little.
func hang(line string, columns int) string {
	indent := len(line) - len(strings.TrimLeft(line, " "))
	first := line[:indent]
	if indent == 0 {
		indent = 2
	}
	rest := line[len(first):]
	if name, text, ok := strings.Cut(rest, "  "); ok && cellsOf(first+name) < columns/3 {
		first += name + "  " + strings.Repeat(" ", len(text)-len(strings.TrimLeft(text, " ")))
		rest, indent = strings.TrimLeft(text, " "), cellsOf(first)
	}
	if indent > columns/2 {
		indent = 2
	}
	// The first line may have more room, or less, than those below: the words for it come first.
	room := columns - cellsOf(first)
	words := wordsOf(rest)
	head, used := []string{}, -1
	for len(words) > 0 && (len(head) == 0 || used+1+cellsOf(words[0]) <= room) {
		used += 1 + cellsOf(words[0])
		head, words = append(head, words[0]), words[1:]
	}
	out := first + strings.Join(head, " ")
	if len(words) == 0 {
		return out
	}
	below := "\n" + strings.Repeat(" ", indent)
	return out + below + strings.ReplaceAll(wrap(strings.Join(words, " "), columns-indent), "\n", below)
}
