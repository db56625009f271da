// Package picture draws what of a database can be restored over time: a band for each
// timeline, ticks for full backups, hatching for gaps, and a row of marks for drills. It
// writes SVG that is part of a page, and the same as a table.
//
// Lengths across are shares of the width, and heights are in em: so a picture is as wide as
// its page, and its text as large as the page's, on each screen and at each zoom. Colours are
// those of the page: see [CSS]. All times are in UTC.
package picture

import (
	"html/template"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/history"
)

// View says what is drawn.
type View struct {
	// ID begins the ids of elements, so that a page can have several pictures. It is a word.
	ID string

	// History is what can be restored; nil if that is not known.
	History *history.History

	// At is the right end of the pictures: now.
	At time.Time

	// QuietUntil is up to when it is known that nothing is new since the newest backup; zero
	// if nobody knows. UnsavedSince is since when there is something that the archive does
	// not have; zero if there is nothing, or nobody knows.
	QuietUntil   time.Time
	UnsavedSince time.Time
}

// day is how far the picture of the last hours goes back. Of what is hardly longer, one picture
// is enough. And no picture is of less than the shortest time: else one backup would be a wall.
const (
	day      = 24 * time.Hour
	longDay  = 36 * time.Hour
	shortest = time.Hour
)

// Draw returns two pictures, of the last 24 hours and of everything, what their signs mean, and
// the same as tables.
func (v View) Draw() template.HTML {
	if v.History == nil {
		return `<p class="pic-none">What can be restored is not known.</p>`
	}
	if v.History.Newest() == nil {
		return `<p class="pic-none">The archive has no backup, so nothing can be restored.</p>`
	}
	w := &writer{}
	w.open("div", "class", "pic")
	first := v.begins()
	if v.At.Sub(first) > longDay {
		v.figure(w, "day", "The last 24 hours", scale{v.At.Add(-day), v.At})
	}
	v.figure(w, "all", "Everything since "+first.UTC().Format("2 January 2006"), scale{earlier(first, v.At.Add(-shortest)), v.At})
	v.legend(w)
	v.tables(w)
	w.close("div")
	return template.HTML(w.String())
}

// begins returns since when there is anything.
func (v View) begins() time.Time {
	first := v.At
	for i := range v.History.Timelines {
		t := &v.History.Timelines[i]
		for _, s := range t.Spans {
			from, _ := times(s)
			first = earlier(first, from)
		}
		for _, f := range t.Fulls {
			first = earlier(first, f.At)
		}
	}
	return first
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// writer writes elements. Values of attributes and texts are escaped.
type writer struct{ strings.Builder }

// open writes the beginning of an element with these attributes, each a name and a value.
func (w *writer) open(name string, attributes ...string) {
	w.tag(name, attributes)
	w.WriteByte('>')
}

// empty writes an element of SVG that has no content.
func (w *writer) empty(name string, attributes ...string) {
	w.tag(name, attributes)
	w.WriteString("/>")
}

func (w *writer) tag(name string, attributes []string) {
	w.WriteByte('<')
	w.WriteString(name)
	for i := 0; i+1 < len(attributes); i += 2 {
		w.WriteByte(' ')
		w.WriteString(attributes[i])
		w.WriteString(`="`)
		w.text(attributes[i+1])
		w.WriteByte('"')
	}
}

func (w *writer) close(name string) {
	w.WriteString("</")
	w.WriteString(name)
	w.WriteByte('>')
}

func (w *writer) text(s string) { template.HTMLEscape(w, []byte(s)) }

// element writes an element that contains a text.
func (w *writer) element(name, text string, attributes ...string) {
	w.open(name, attributes...)
	w.text(text)
	w.close(name)
}
