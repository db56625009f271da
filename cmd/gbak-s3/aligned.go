package main

import (
	"bytes"
	"io"
	"strings"
)

// aligned writes lines of cells, with tabs between these, as columns. It knows, as text/tabwriter
// does not, that some letters take two columns of a terminal and others none. The last cell of a
// line may be of any length.
type aligned struct {
	out     io.Writer
	columns int // of the terminal; 0 for none
	text    bytes.Buffer
}

// leastLast is how many columns the last cells of lines have at least, if they are not all shorter.
const leastLast = 24

func (a *aligned) Write(p []byte) (int, error) { return a.text.Write(p) }

// Flush writes all lines. Where the terminal is too narrow, last cells are wrapped and, if there is no
// room for them at all, go below their line, with as many of those before as have none either.
func (a *aligned) Flush() error {
	var lines [][]string
	var widths []int
	last := 0 // the width of the widest last cell
	for line := range strings.Lines(a.text.String()) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		lines = append(lines, cells)
		for i, cell := range cells[:len(cells)-1] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], cellsOf(cell))
		}
		if len(cells) > 1 {
			last = max(last, cellsOf(cells[len(cells)-1]))
		}
	}
	var b strings.Builder
	for _, cells := range lines {
		if len(cells) == 1 {
			b.WriteString(fitTo(cells[0], a.columns) + "\n")
			continue
		}
		a.line(&b, cells, widths, min(last, leastLast))
	}
	_, err := io.WriteString(a.out, b.String())
	return err
}

// below is how far what goes below a line is indented.
const below = 8

// line writes one line of cells.
func (a *aligned) line(all *strings.Builder, cells []string, widths []int, last int) {
	var b strings.Builder
	at := 0
	goBelow := func() {
		all.WriteString(strings.TrimRight(b.String(), " ") + "\n")
		b.Reset()
		b.WriteString(strings.Repeat(" ", below))
		at = below
	}
	for i, cell := range cells[:len(cells)-1] {
		if a.columns > 0 && i > 0 && at+widths[i] > a.columns {
			goBelow()
		}
		b.WriteString(cell + strings.Repeat(" ", widths[i]-cellsOf(cell)+2))
		at += widths[i] + 2
	}
	cell := cells[len(cells)-1]
	switch {
	case a.columns == 0 || at+cellsOf(cell) <= a.columns || isToCopy(cell):
	case at+last > a.columns:
		goBelow()
		fallthrough
	default:
		cell = strings.ReplaceAll(wrap(cell, a.columns-at), "\n", "\n"+strings.Repeat(" ", at))
	}
	all.WriteString(b.String() + cell + "\n")
}
