package picture

import (
	"regexp"
	"strconv"
	"testing"
	"time"
)

var axisLabel = regexp.MustCompile(`x="([0-9.]+)%"[^>]*text-anchor="(start|middle|end)"(?: dx="(-[0-9.]+)em")?>([^<]*)<`)

// Widths in px on a screen of 320 px, as Chromium draws them: of a picture, an em, and a bound of a letter's.
const narrow, pxOfEm, wideLetter = 238, 12.8, 7.4

// written returns the labels of an axis as they are written, with their room in px of a narrow screen.
func written(t *testing.T, s scale) (all []label) {
	t.Helper()
	w := &writer{}
	axis(w, s, s.marks(), 0)
	for _, m := range axisLabel.FindAllStringSubmatch(w.String(), -1) {
		x, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		x *= narrow / 100.0
		if m[3] != "" {
			dx, err := strconv.ParseFloat(m[3], 64)
			if err != nil {
				t.Fatal(err)
			}
			x += dx * pxOfEm
		}
		width := wideLetter * float64(len(m[4]))
		l := label{text: m[4], left: x, right: x + width}
		switch m[2] {
		case "middle":
			l.left, l.right = x-width/2, x+width/2
		case "end":
			l.left, l.right = x-width, x
		}
		all = append(all, l)
	}
	return all
}

// TestLabelsLieApart: whenever a picture is drawn and whatever time it shows, no label of its axis lies
// on another or is cut off, on a screen of 320 px; and the axis has more than its end.
func TestLabelsLieApart(t *testing.T) {
	t.Parallel()
	starts := []time.Time{
		time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC), time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC),
		time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC),
	}
	var lengths []time.Duration
	for length := shortest; length < 40*365*day; length += max(length/29, 7*time.Minute).Truncate(time.Minute) {
		lengths = append(lengths, length)
	}
	for _, start := range starts {
		for minute := 0; minute < 24*60; minute += 7 {
			for _, length := range lengths {
				to := start.Add(time.Duration(minute) * time.Minute)
				s := scale{to.Add(-length), to}
				all := written(t, s)
				if len(all) < 2 {
					t.Fatalf("%s to %s: the axis has no label but its end's", s.from, s.to)
				}
				for i, l := range all {
					if l.left < -0.2 || l.right > narrow+0.2 {
						t.Fatalf("%s to %s: %q is cut off", s.from, s.to, l.text)
					}
					if i > 0 && all[i-1].right > l.left {
						t.Fatalf("%s to %s: %q lies on %q", s.from, s.to, all[i-1].text, l.text)
					}
				}
			}
		}
	}
}
