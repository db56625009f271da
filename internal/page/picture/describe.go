package picture

import (
	"fmt"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/history"
)

// describe says in words what a picture shows.
func (v View) describe(s scale) string {
	var said []string
	shown := 0
	for i := len(v.History.Timelines) - 1; i >= 0; i-- {
		t := &v.History.Timelines[i]
		if !isShown(t, s) {
			continue
		}
		if shown++; shown <= mostBands {
			said = append(said, describeTimeline(t, s))
		}
	}
	if shown == 0 {
		said = append(said, "No backup is of this time.")
	}
	if shown > mostBands {
		said = append(said, fmt.Sprintf("There are %d more timelines.", shown-mostBands))
	}
	if !v.UnsavedSince.IsZero() {
		said = append(said, fmt.Sprintf("What was committed since %s UTC is not in the archive yet.", clock(v.UnsavedSince)))
	}
	if drills := v.drills(s); len(drills) > 0 {
		failed := 0
		for _, d := range drills {
			if !d.OK {
				failed++
			}
		}
		outcome := "and none failed"
		if failed > 0 {
			outcome = fmt.Sprintf("of which %d failed", failed)
		}
		said = append(said, fmt.Sprintf("%s, %s.", count(len(drills), "drill"), outcome))
	}
	return strings.Join(said, " ")
}

func describeTimeline(t *history.Timeline, s scale) string {
	first, last, gaps, fulls := time.Time{}, time.Time{}, 0, 0
	shown := 0
	for i, p := range t.Spans {
		from, to := times(p)
		if !s.has(from, to) {
			continue
		}
		if shown++; shown == 1 {
			first = later(from, s.from)
		} else if p.From.After(t.Spans[i-1].To) {
			gaps++
		}
		last = later(last, to)
	}
	for _, f := range t.Fulls {
		if s.has(f.At, f.At) {
			fulls++
		}
	}
	return fmt.Sprintf("Timeline %d can be restored from %s to %s UTC, with %s; %s.",
		t.Number, clock(first), clock(last), count(gaps, "gap"), count(fulls, "full backup"))
}

// count says how many there are of something.
func count(n int, of string) string {
	switch n {
	case 0:
		return "no " + of
	case 1:
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

// length says how long something is, in its two largest units.
func length(d time.Duration) string {
	units := []struct {
		of   time.Duration
		name string
	}{{day, "day"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	for i, u := range units {
		if d < u.of {
			continue
		}
		said := fmt.Sprintf("%d %s", d/u.of, u.name)
		if u.of == day {
			said = count(int(d/day), u.name)
		}
		if i+1 < len(units) {
			if rest := d % u.of / units[i+1].of; rest > 0 {
				said += fmt.Sprintf(" %d %s", rest, units[i+1].name)
			}
		}
		return said
	}
	return "less than 1 s"
}
