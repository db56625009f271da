package main

import (
	"bytes"
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

// aligned writes lines of cells, with tabs between these, as columns. It knows, as text/tabwriter
// does not, that some letters take two columns of a terminal and others none. The last cell of a
// line may be of any length.
type aligned struct {
	out  io.Writer
	text bytes.Buffer
}

func (a *aligned) Write(p []byte) (int, error) { return a.text.Write(p) }

// Flush writes all lines.
func (a *aligned) Flush() error {
	var widths []int
	for line := range strings.Lines(a.text.String()) {
		cells := strings.Split(line, "\t")
		for i, cell := range cells[:len(cells)-1] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	var b strings.Builder
	for line := range strings.Lines(a.text.String()) {
		cells := strings.Split(line, "\t")
		for i, cell := range cells[:len(cells)-1] {
			b.WriteString(cell + strings.Repeat(" ", widths[i]-uniseg.StringWidth(cell)+2))
		}
		b.WriteString(cells[len(cells)-1])
	}
	_, err := io.WriteString(a.out, b.String())
	return err
}
