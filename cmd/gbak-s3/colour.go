package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// colour is how a word is painted on a terminal that says how something is. Colour says nothing
// that words do not say, too.
type colour string

const (
	good  colour = "\x1b[32m"
	doubt colour = "\x1b[33m"
	bad   colour = "\x1b[31m"

	noColour = "\x1b[0m"
)

// hasColour reports whether w is a terminal whose user wants colours.
func hasColour(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && wantsColour(os.Getenv) && understandsEscapes(f)
}

// wantsColour reports what the environment says of colours: no-color.org, and CLICOLOR.
func wantsColour(variable func(string) string) bool {
	return variable("NO_COLOR") == "" && variable("CLICOLOR") != "0" && variable("TERM") != "dumb"
}

// paint returns a word for stdout in a colour, or as it is if there is none.
func (o *output) paint(c colour, word string) string {
	if !o.colour || c == "" {
		return word
	}
	return string(c) + word + noColour
}
