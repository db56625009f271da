package picture

import (
	"regexp"
	"strconv"
	"testing"
	"time"
)

// TestLabelsLieApart: whenever a picture is drawn, no label of its axis lies on the end's, on a screen
// of 320 px.
func TestLabelsLieApart(t *testing.T) {
	t.Parallel()
	const width, letter = 238, 7.4 // px of the picture there, and of a letter
	label := regexp.MustCompile(`x="([0-9.]+)%"[^>]*text-anchor="(start|middle|end)">([^<]*)<`)
	noon := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for minutes := range 3 * 24 * 60 {
		if minutes < 60 {
			continue
		}
		for _, at := range []time.Time{noon, noon.Add(7 * time.Hour)} {
			s := scale{at.Add(-time.Duration(minutes) * time.Minute), at}
			w := &writer{}
			axis(w, s, s.marks(), 0)
			end := width - letter*float64(len(s.end()))
			for _, m := range label.FindAllStringSubmatch(w.String(), -1) {
				x, err := strconv.ParseFloat(m[1], 64)
				if err != nil {
					t.Fatal(err)
				}
				right := x/100*width + letter*float64(len(m[3]))/2
				if m[2] == "middle" && right > end {
					t.Fatalf("%s to %s: %q lies on %q", s.from, s.to, m[3], s.end())
				}
			}
		}
	}
}
