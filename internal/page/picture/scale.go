package picture

import (
	"math"
	"strconv"
	"time"
)

// scale is the time that a picture shows.
type scale struct{ from, to time.Time }

// at returns where a time is, from 0 to 1; times outside are at the ends.
func (s scale) at(t time.Time) float64 {
	x := float64(t.Sub(s.from)) / float64(s.to.Sub(s.from))
	return min(max(x, 0), 1)
}

// has reports whether some of a time from from to to is shown.
func (s scale) has(from, to time.Time) bool { return !to.Before(s.from) && !from.After(s.to) }

// percent formats a share of the width.
func percent(x float64) string {
	return strconv.FormatFloat(math.Round(x*1e4)/100, 'f', -1, 64) + "%"
}

// em formats a height.
func em(y float64) string { return strconv.FormatFloat(math.Round(y*100)/100, 'f', -1, 64) + "em" }

// mark is a time on the axis.
type mark struct {
	at     time.Time
	label  string
	isDate bool // rather than a time of day
}

// steps are the distances between marks of the axis, below months.
var steps = []time.Duration{
	10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	day, 2 * day, 7 * day, 14 * day,
}

// marks returns the times on the axis, at most mostMarks: round ones, so that they can be read.
func (s scale) marks() []mark {
	length := s.to.Sub(s.from)
	for _, step := range steps {
		if length/step < mostMarks {
			return s.marksEach(step)
		}
	}
	for _, months := range []int{1, 2, 3, 6, 12, 24, 60, 120} {
		if length/(time.Duration(months)*30*day) < mostMarks || months == 120 {
			return s.marksOfMonths(months)
		}
	}
	return nil
}

// mostMarks is how many labels fit next to each other on a narrow screen.
const mostMarks = 5

func (s scale) marksEach(step time.Duration) (all []mark) {
	for t := s.from.UTC().Truncate(step); !t.After(s.to); t = t.Add(step) {
		if t.Before(s.from) {
			continue
		}
		m := mark{at: t, label: t.Format("15:04")}
		if t.Hour() == 0 && t.Minute() == 0 {
			m.label, m.isDate = t.Format("2 Jan"), true
		}
		all = append(all, m)
	}
	return all
}

func (s scale) marksOfMonths(step int) (all []mark) {
	from := s.from.UTC()
	month := (int(from.Month()) - 1) / step * step
	t := time.Date(from.Year(), time.Month(month+1), 1, 0, 0, 0, 0, time.UTC)
	if step > 12 {
		years := step / 12
		t = time.Date(from.Year()/years*years, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	for ; !t.After(s.to) && len(all) < 4*mostMarks; t = t.AddDate(0, step, 0) {
		if t.Before(s.from) {
			continue
		}
		label := t.Format("Jan")
		if t.Month() == time.January || step >= 12 {
			label = t.Format("2006")
		}
		all = append(all, mark{t, label, true})
	}
	return all
}

// end returns the label of the right end.
func (s scale) end() string {
	if s.to.Sub(s.from) > 4*day {
		return s.to.UTC().Format("2 Jan")
	}
	return s.to.UTC().Format("15:04")
}
