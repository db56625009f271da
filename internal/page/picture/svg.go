package picture

import (
	"fmt"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/history"
)

// Heights of the parts of a picture, in em.
const (
	labelHeight = 1.3
	tickHeight  = 0.5
	barHeight   = 1.3
	bandHeight  = labelHeight + tickHeight + barHeight + 0.5
	markHeight  = 1.9
	axisHeight  = 1.6
)

// figure writes a picture with its caption.
func (v View) figure(w *writer, name, caption string, s scale) {
	id := v.ID + "-" + name
	w.open("figure")
	w.element("figcaption", caption)
	bands, drills := v.bands(s), v.drills(s)
	height := bandHeight*float64(len(bands)) + axisHeight
	if len(drills) > 0 {
		height += markHeight
	}
	w.open("svg", "class", "pic-all", "role", "img", "width", "100%", "height", em(height), "aria-labelledby", id+"-title "+id+"-desc")
	w.element("title", "What can be restored: "+strings.ToLower(caption[:1])+caption[1:], "id", id+"-title")
	w.element("desc", v.describe(s), "id", id+"-desc")
	patterns(w, id)
	marks := s.marks()
	for _, m := range marks {
		x := percent(s.at(m.at))
		w.empty("line", "class", "pic-grid", "x1", x, "x2", x, "y1", "0", "y2", em(height-axisHeight))
	}
	y := 0.0
	for i := range bands {
		v.band(w, &bands[i], s, id, y)
		y += bandHeight
	}
	if len(drills) > 0 {
		v.drillRow(w, drills, s, y)
		y += markHeight
	}
	axis(w, s, marks, y)
	w.close("svg")
	w.close("figure")
}

// patterns writes what gaps and unsaved times are filled with: they differ not in colour alone.
func patterns(w *writer, id string) {
	w.open("defs")
	w.open("pattern", "id", id+"-gap", "width", "8", "height", "8", "patternUnits", "userSpaceOnUse")
	w.empty("path", "class", "pic-hatch", "d", "M-2 10 10-2M-2 2 2-2M6 10 10 6")
	w.close("pattern")
	w.open("pattern", "id", id+"-new", "width", "6", "height", "6", "patternUnits", "userSpaceOnUse")
	w.empty("circle", "class", "pic-dot", "cx", "3", "cy", "3", "r", "1.6")
	w.close("pattern")
	w.close("defs")
}

// bar writes a part of a band, of this class, filled with the pattern of this id; "" for none.
func bar(w *writer, class, fill string, from, to, y float64) {
	attributes := []string{"class", class, "x", percent(from), "y", em(y), "width", percent(to - from), "height", em(barHeight)}
	if fill != "" {
		attributes = append(attributes, "fill", "url(#"+fill+")")
	}
	w.empty("rect", attributes...)
}

// band writes a band whose label begins at y.
func (v View) band(w *writer, b *band, s scale, id string, y float64) {
	w.element("text", b.label, "x", "0", "y", em(y+labelHeight-0.35))
	l := b.layOut(s)
	y += labelHeight
	lines(w, "pic-tick", l.ticks, y, tickHeight)
	y += tickHeight
	for _, r := range l.gaps {
		bar(w, "pic-gap", id+"-gap", share(r.from), share(r.to), y)
	}
	for _, r := range l.solid {
		bar(w, "pic-span", "", share(r.from), share(r.to), y)
	}
	lines(w, "pic-point", l.points, y, barHeight)
	if b.isNewest {
		v.now(w, b, s, id, y)
	}
}

// lines writes upright lines in these cells. They are in one path, as there may be many: so it is
// stretched, but not its lines.
func lines(w *writer, class string, at []int, y, height float64) {
	if len(at) == 0 {
		return
	}
	var d strings.Builder
	for _, x := range at {
		fmt.Fprintf(&d, "M%g 0V1", float64(x)+0.5)
	}
	w.open("svg", "x", "0", "y", em(y), "width", "100%", "height", em(height), "viewBox", fmt.Sprintf("0 0 %d 1", cells), "preserveAspectRatio", "none")
	w.empty("path", "class", class, "d", d.String(), "vector-effect", "non-scaling-stroke")
	w.close("svg")
}

// leastNow is the least width of what is between the newest backup and now.
const leastNow = 0.01

// now writes what is behind the newest backup: nothing new, or something that is not saved.
func (v View) now(w *writer, b *band, s scale, id string, y float64) {
	if len(b.timelines[0].Spans) == 0 {
		return
	}
	_, end := extent(b.timelines[0])
	if v.QuietUntil.After(end) && s.has(end, v.QuietUntil) {
		if from, to := s.at(end), s.at(v.QuietUntil); to > from {
			bar(w, "pic-quiet", "", from, to, y)
		}
	}
	if u := v.UnsavedSince; !u.IsZero() {
		to := s.at(v.At)
		from := min(s.at(u), to-leastNow)
		bar(w, "pic-back", "", from, to, y)
		bar(w, "pic-new", id+"-new", from, to, y)
	}
}

// drills returns the drills that are shown.
func (v View) drills(s scale) (all []history.Drill) {
	for _, d := range v.History.Drills {
		if s.has(d.At, d.At) {
			all = append(all, d)
		}
	}
	return all
}

// leastMark is the least distance of two marks of drills.
const leastMark = 0.025

// drillRow writes a row of marks. Of those at one place, a failure is what is seen.
func (v View) drillRow(w *writer, drills []history.Drill, s scale, y float64) {
	w.element("text", "Drills", "x", "0", "y", em(y+0.75))
	for _, isOK := range []bool{true, false} {
		last := -1.0
		for _, d := range drills {
			x := s.at(d.At)
			if d.OK != isOK || last >= 0 && x-last < leastMark {
				continue
			}
			last = x
			class, path := "pic-bad", "M-4-4 4 4M-4 4 4-4"
			if d.OK {
				class, path = "pic-good", "M0-5 5 0 0 5-5 0Z"
			}
			w.open("svg", "class", "pic-mark", "x", percent(x), "y", em(y+1.35), "width", "1em", "height", "1em", "viewBox", "0 0 12 12")
			w.empty("path", "class", class, "d", path)
			w.close("svg")
		}
	}
}

// axis writes the axis below the bands.
func axis(w *writer, s scale, marks []mark, y float64) {
	w.empty("line", "class", "pic-axis", "x1", "0", "x2", "100%", "y1", em(y), "y2", em(y))
	for _, l := range s.labels(marks) {
		attributes := []string{"x", percent(l.at), "y", em(y + 1.25), "text-anchor", l.anchor}
		if l.dx != 0 {
			attributes = append(attributes, "dx", em(l.dx))
		}
		w.element("text", l.text, attributes...)
	}
}

// clock formats a time.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }
