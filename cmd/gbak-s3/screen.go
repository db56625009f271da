package main

import (
	"bytes"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// screen is the terminal of a run: lines that stay and, below them, at most one that changes.
// Its methods may be called concurrently.
type screen struct {
	colour  bool // it shows colours
	mu      sync.Mutex
	out     io.Writer  // where the line that changes is shown
	columns func() int // how wide the terminal is; 0 if there is none that can change a line, or if it is not ours now
	line    string     // the line that changes, as it is shown; "" for none
	width   int        // of the terminal, when that was drawn
	asking  bool       // somebody is to answer in the last line, so nothing else may be shown there
}

// newScreen returns the screen of a run whose messages go to stderr.
func newScreen(stderr io.Writer) *screen {
	s := &screen{out: stderr, columns: func() int { return 0 }}
	f, ok := stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" || !understandsEscapes(f) {
		return s
	}
	s.colour = hasColour(f)
	s.columns = func() int {
		if !isInFront(f) {
			return 0
		}
		width, _, err := term.GetSize(int(f.Fd()))
		if err != nil || width <= 0 {
			return defaultColumns
		}
		return width
	}
	return s
}

// defaultColumns is how wide text is where no terminal says otherwise.
const defaultColumns = 80

const (
	toStart    = "\r"
	clearRest  = "\x1b[K"   // of the line
	clearBelow = "\x1b[J"   // the rest of the line, and all lines below
	noWrap     = "\x1b[?7l" // what finds no room in the line is not shown, instead of in the next one
	wrapAgain  = "\x1b[?7h"
)

// show shows a line below all others, instead of the one before. make gets how many columns it
// may have. The cursor rests at its beginning: where a terminal that gets narrower breaks the
// line, the rest of it is then below, and can be cleared. If we have not heard yet that it did,
// the line is cut.
func (s *screen) show(make func(columns int) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	width := s.columns()
	if width == 0 {
		s.line = "" // whoever has the terminal now has written over it
		return
	}
	if s.asking {
		return
	}
	line := make(min(width, defaultColumns) - 1) // after the last column, some terminals go on in the next line
	if line == s.line && width == s.width {
		return
	}
	clear := ""
	if width != s.width && s.line != "" {
		clear = clearBelow
	}
	_, _ = io.WriteString(s.out, toStart+clear+noWrap+line+clearRest+wrapAgain+toStart) // at once, so that nothing flickers
	s.line, s.width = line, width
}

// erase removes the line that changes.
func (s *screen) erase() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.eraseLocked()
}

func (s *screen) eraseLocked() {
	if s.line != "" && s.columns() > 0 {
		_, _ = io.WriteString(s.out, toStart+clearBelow)
	}
	s.line = ""
}

// above returns a writer for lines that stay. What it writes takes the place of the line that
// changes, which is then shown again below. A text that does not end with its line is a
// question.
func (s *screen) above(w io.Writer) io.Writer { return &lines{s, w} }

type lines struct {
	screen *screen
	out    io.Writer
}

func (l *lines) Write(p []byte) (int, error) {
	l.screen.mu.Lock()
	defer l.screen.mu.Unlock()
	l.screen.eraseLocked()
	l.screen.asking = len(p) > 0 && !bytes.HasSuffix(p, []byte("\n"))
	return l.out.Write(p)
}
