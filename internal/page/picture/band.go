package picture

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/history"
)

// A band is drawn in cells: so many, whatever the history has, so that a picture of two years
// is no larger than one of a day.
const (
	cells = 400

	// leastGap is the least width of a gap, in cells: what cannot be restored is seen on the
	// narrowest screen.
	leastGap = 4

	// tickEvery is the least distance of two ticks.
	tickEvery = 4

	// pointEvery is that of two points: they lie in gaps, which stay visible between them on the
	// narrowest screen.
	pointEvery = 10
)

// band is what is drawn of one timeline, or of several old ones.
type band struct {
	label     string
	timelines []*history.Timeline // the oldest first
	isNewest  bool
}

// mostBands is how many bands a picture has. The timelines of one opening each, as 0.5 has them,
// may be hundreds.
const mostBands = 8

// bands returns the bands of a picture, the newest first.
func (v View) bands(s scale) (all []band) {
	var old []*history.Timeline
	for i := len(v.History.Timelines) - 1; i >= 0; i-- {
		t := &v.History.Timelines[i]
		isNewest := i == len(v.History.Timelines)-1
		switch {
		case !isNewest && !isShown(t, s):
		case len(all) < mostBands-1:
			label := fmt.Sprintf("Timeline %d", t.Number)
			switch { // as short as the narrowest screen is
			case len(t.Spans) == 0:
				label += ": nothing restorable"
			case !isShown(t, s) && v.QuietUntil.IsZero() && v.UnsavedSince.IsZero():
				label += ": nothing of this time"
			}
			all = append(all, band{label, []*history.Timeline{t}, isNewest})
		default:
			old = append(old, t)
		}
	}
	if len(old) == 0 {
		return all
	}
	label := fmt.Sprintf("Timeline %d", old[0].Number)
	if len(old) > 1 {
		label = fmt.Sprintf("%d older timelines", len(old))
	}
	slices.Reverse(old)
	return append(all, band{label, old, false})
}

func isShown(t *history.Timeline, s scale) bool {
	return slices.ContainsFunc(t.Spans, func(p history.Span) bool { return s.has(times(p)) })
}

// times returns when a span begins and ends. Where a clock was set back, it may end before it
// begins.
func times(p history.Span) (from, to time.Time) {
	return earlier(p.From, p.To), later(p.From, p.To)
}

// extent returns when a timeline with spans begins and ends.
func extent(t *history.Timeline) (from, to time.Time) {
	from, to = times(t.Spans[0])
	for _, p := range t.Spans {
		begin, end := times(p)
		from, to = earlier(from, begin), later(to, end)
	}
	return from, to
}

// run is a part of a band, in cells.
type run struct{ from, to int }

// layout is where a band's parts are.
type layout struct {
	solid, gaps []run
	points      []int // restorable, and too short to be seen otherwise
	ticks       []int
}

// What is in a cell.
type content byte

const (
	nothing content = iota
	solid
	gap
)

// layOut finds out where the parts of a band are.
func (b *band) layOut(s scale) (l layout) {
	var row [cells]content
	for _, t := range b.timelines {
		fill(&row, t, s)
	}
	widen(row[:])
	for i := 0; i < cells; {
		j := i
		for j < cells && row[j] == row[i] {
			j++
		}
		switch row[i] {
		case solid:
			l.solid = append(l.solid, run{i, j})
		case gap:
			l.gaps = append(l.gaps, run{i, j})
		}
		i = j
	}
	for _, t := range b.timelines {
		for _, p := range t.Spans {
			from, to := times(p)
			if !s.has(from, to) {
				continue
			}
			first := min(int(s.at(from)*cells), cells-1)
			last := max(first+1, int(math.Ceil(s.at(to)*cells)))
			if !slices.Contains(row[first:last], solid) {
				l.points = addApart(l.points, first, pointEvery)
			}
		}
	}
	l.ticks = b.ticks(s)
	return l
}

// fill fills in what a timeline has. A cell is solid if all states of its time can be restored.
func fill(row *[cells]content, t *history.Timeline, s scale) {
	if len(t.Spans) == 0 {
		return
	}
	begin, end := extent(t)
	if !s.has(begin, end) {
		return
	}
	first := min(int(s.at(begin)*cells), cells-1)
	last := max(first+1, int(math.Ceil(s.at(end)*cells))) // behind it
	var mine [cells]bool
	for _, p := range t.Spans {
		from, to := times(p)
		if !s.has(from, to) {
			continue
		}
		i, j := int(math.Ceil(s.at(from)*cells)), int(s.at(to)*cells)
		if !from.After(begin) {
			i = first // what is before is no gap
		}
		if !to.Before(end) {
			j = last
		}
		for ; i < j; i++ {
			mine[i] = true
		}
	}
	for i := first; i < last; i++ {
		if !mine[i] {
			row[i] = gap
		} else if row[i] == nothing {
			row[i] = solid
		}
	}
}

// widen makes gaps as wide as they must be to be seen, where there is something beside them.
func widen(row []content) {
	for i := 0; i < len(row); {
		j := i
		for j < len(row) && row[j] == row[i] {
			j++
		}
		if missing := leastGap - (j - i); row[i] == gap && missing > 0 {
			for range (missing + 1) / 2 {
				if i > 0 && row[i-1] == solid {
					i--
					row[i] = gap
				}
				if j < len(row) && row[j] == solid {
					row[j] = gap
					j++
				}
			}
		}
		i = j
	}
}

// ticks returns where full backups are.
func (b *band) ticks(s scale) (all []int) {
	var at []int
	for _, t := range b.timelines {
		for _, f := range t.Fulls {
			if s.has(f.At, f.At) {
				at = append(at, min(int(s.at(f.At)*cells), cells-1))
			}
		}
	}
	slices.Sort(at)
	for _, x := range at {
		all = addApart(all, x, tickEvery)
	}
	return all
}

// addApart adds x, unless it is next to the last one.
func addApart(all []int, x, distance int) []int {
	if n := len(all); n > 0 && x-all[n-1] < distance {
		return all
	}
	return append(all, x)
}

// share returns where a cell begins.
func share(cell int) float64 { return float64(cell) / cells }
