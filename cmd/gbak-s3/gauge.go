package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// gauge is how far a run has come, as its events tell. It knows no terminal.
type gauge struct {
	what  string // what the run does, such as "backing up"
	phase archiver.Phase
	since time.Time // when the phase began
	part  int       // how often the work has begun: an export, for one, begins for each backup

	done, total int64
	moved       time.Time // when done was last seen to grow
	samples     []sample  // what was done at which time, the oldest first

	retry time.Time // when a request is made again that has failed; zero if none has
}

type sample struct {
	at   time.Time
	done int64
}

// The rate is that of the last rateOver; there is none before the first rateAfter, as what was
// done in a moment says nothing.
const (
	rateOver  = 20 * time.Second
	rateAfter = 2 * time.Second
	stillFor  = 10 * time.Second // after which it is said that nothing moves
)

// tell takes note of an event.
func (g *gauge) tell(e archiver.Event, now time.Time) {
	switch e := e.(type) {
	case archiver.Phase:
		if e != g.phase {
			g.phase, g.since, g.total, g.samples, g.part = e, now, 0, nil, 0
		}
		g.retry = time.Time{}
	case archiver.Progress:
		if e.Total <= 0 {
			return
		}
		if g.total == 0 || e.Done < g.done || e.Total != g.total {
			g.part++
			g.samples, g.moved = []sample{{now, e.Done}}, now
		}
		if e.Done > g.done {
			g.moved, g.retry = now, time.Time{}
		}
		g.done, g.total = e.Done, e.Total
	case archiver.Retry:
		g.retry = now.Add(e.Wait)
	}
}

// look takes a sample for the rate.
func (g *gauge) look(now time.Time) {
	if g.total == 0 {
		return
	}
	g.samples = append(g.samples, sample{now, g.done})
	for len(g.samples) > 2 && now.Sub(g.samples[0].at) > rateOver {
		g.samples = g.samples[1:]
	}
}

// rate returns how many bytes a second are done, 0 if that cannot be said.
func (g *gauge) rate() float64 {
	if len(g.samples) < 2 {
		return 0
	}
	first, last := g.samples[0], g.samples[len(g.samples)-1]
	if last.at.Sub(first.at) < rateAfter {
		return 0
	}
	return float64(last.done-first.done) / last.at.Sub(first.at).Seconds()
}

// phases say what a run does in a phase.
var phases = map[archiver.Phase]string{ //nolint:gochecknoglobals // a table
	archiver.PhaseJournal: "reading records",
	archiver.PhaseCapture: "looking for what is new",
	archiver.PhaseStore:   "storing",
	archiver.PhaseCommit:  "committing",
	archiver.PhaseFetch:   "fetching",
	archiver.PhasePublish: "putting it in place",
	archiver.PhaseVerify:  "checking",
	archiver.PhaseCount:   "counting",
	archiver.PhaseDelete:  "deleting",
}

// text returns a line of at most so many columns: what matters most comes first, and what finds
// no room is left out.
func (g *gauge) text(now time.Time, columns int) string {
	head := g.what
	if name := phases[g.phase]; name != "" {
		head += ": " + name
	}
	if g.part > 1 {
		head += fmt.Sprintf(", part %d", g.part)
	}
	var parts []string
	switch {
	case !g.retry.IsZero():
		wait := max(g.retry.Sub(now), 0)
		parts = append(parts, fmt.Sprintf("no answer from the store, again in %s", seconds(wait)))
	case g.total == 0:
		parts = append(parts, seconds(now.Sub(g.since)))
	}
	if g.total > 0 {
		share := fmt.Sprintf("%d %%", percentDone(g.done, g.total))
		parts = append([]string{share}, parts...)
		if g.retry.IsZero() {
			if still := now.Sub(g.moved); still >= stillFor && g.done < g.total {
				parts = append(parts, "nothing has moved for "+seconds(still))
			} else if rate := g.rate(); rate >= 1 {
				left := time.Duration(float64(g.total-g.done) / rate * float64(time.Second))
				parts = append(parts, seconds(left)+" left", size(int64(rate))+"/s")
			}
			parts = append(parts, size(g.done)+" of "+size(g.total))
		}
	}
	line := head
	for _, part := range parts {
		if len(line)+2+len(part) <= columns {
			line += "  " + part
		}
	}
	if len(line) > columns { // its text is ASCII
		line = line[:max(columns, 0)]
	}
	return g.drawBar(line, columns)
}

// drawBar adds a bar to a line, if there is room for one that shows something.
func (g *gauge) drawBar(line string, columns int) string {
	const shortest, longest = 10, 40
	room := min(columns-len(line)-4, longest)
	if g.total == 0 || room < shortest {
		return line
	}
	full := int(float64(room) * float64(g.done) / float64(g.total))
	return line + "  [" + strings.Repeat("#", full) + strings.Repeat("-", room-full) + "]"
}

// percentDone is 100 only if all is done.
func percentDone(done, total int64) int { return int(float64(min(done, total)) / float64(total) * 100) }

// seconds is a time for people who wait.
func seconds(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	case d < 100*time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}
