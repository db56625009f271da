// Package picture draws what of a database can be restored, along time: a band for each
// timeline, ticks for full backups, hatching for gaps, and a row of marks for drills. It
// writes SVG that is part of a page, and the same as a table.
//
// Lengths across are shares of the width, and heights are in em: so the picture is as wide as
// its page, and its text as large as the page's, on each screen and at each zoom. Colours are
// those of the page: see [CSS].
package picture

import (
	"html/template"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/history"
)

// View says what is drawn.
type View struct {
	// ID is put in front of the ids of elements, so that a page can have several pictures.
	ID string

	// History is what can be restored; nil if that is not known.
	History *history.History

	// At is the right end of the picture: now.
	At time.Time

	// QuietUntil is up to when it is known that nothing is new since the newest backup; zero
	// if nobody knows. UnsavedSince is since when there is something that the archive does
	// not have; zero if there is nothing, or nobody knows.
	QuietUntil   time.Time
	UnsavedSince time.Time
}

// Day is how long the picture of the last hours goes back.
const Day = 24 * time.Hour

// LastDay draws the last 24 hours, and All everything. Both are <figure> elements.
func (v View) LastDay() template.HTML { return "" }

// All draws everything: see [View.LastDay].
func (v View) All() template.HTML { return "" }

// Table returns the same as both pictures, as a <table> element.
func (v View) Table() template.HTML { return "" }

// CSS is what a page with pictures has in its style sheet. The page gives the colours as the
// variables --ok, --bad and --quiet.
const CSS = ``
