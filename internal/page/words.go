package page

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Duration says how long something takes, with as many digits as people want to read.
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Duration(-d)
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < 10*time.Second && d%time.Second != 0:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < 2*time.Minute:
		return whole(d, time.Second) + " s"
	case d < 2*time.Hour:
		return whole(d, time.Minute) + " min"
	case d < 48*time.Hour:
		return whole(d, time.Hour) + " h"
	}
	return whole(d, 24*time.Hour) + " d"
}

func whole(d, unit time.Duration) string { return strconv.FormatInt(int64(d/unit), 10) }

// Bytes says how large something is.
func Bytes(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, unit := float64(n)/1024, 0
	for ; f >= 1023.5 && unit < 5; unit++ {
		f /= 1024
	}
	digits := 0
	if f < 9.95 {
		digits = 1
	}
	return strconv.FormatFloat(f, 'f', digits, 64) + " " + "KMGTPE"[unit:unit+1] + "iB"
}

// Percent says which part of a whole something is. It is all only if it is all.
func Percent(part float64) string {
	switch p := part * 100; {
	case p > 0 && p < 1:
		return "less than 1 %"
	case p < 100 && p > 99:
		return "99 %"
	default:
		return strconv.FormatFloat(p, 'f', 0, 64) + " %"
	}
}

// Dollars says an amount of money: below a dollar with two digits that count.
func Dollars(usd float64) string {
	digits := 2
	if usd > 0 && usd < 1 {
		digits = min(8, 1-int(math.Floor(math.Log10(usd))))
	}
	return "$" + strconv.FormatFloat(usd, 'f', digits, 64)
}

// Count says how many of something there are.
func Count(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// Ago says how long before the moment of the status something was.
func (s *Status) Ago(t time.Time) string {
	switch d := s.At.Sub(t); {
	case t.IsZero():
		return "never"
	case d < 0:
		return "in " + Duration(-d)
	case d < time.Second:
		return "now"
	default:
		return Duration(d.Truncate(time.Second)) + " ago"
	}
}

// When says at what time something was: without the date if that was today, and the page is looked at
// now. A report may be read at any time.
func (s *Status) When(t time.Time) string {
	t = t.UTC()
	switch at := s.At.UTC(); {
	case t.IsZero():
		return "an unknown time"
	case s.IsWatched && t.Year() == at.Year() && t.YearDay() == at.YearDay():
		return t.Format("15:04:05 UTC")
	case s.IsWatched && t.Year() == at.Year():
		return t.Format("2 Jan 15:04 UTC")
	}
	return t.Format("2 Jan 2006 15:04 UTC")
}

// nameLimit and textLimit bound what somebody else has named or said.
const (
	nameLimit = 64
	textLimit = 1000
)

// Name makes a name fit to be shown: nothing in it is invisible or changes the direction of what
// stands around it, and a long one is cut in the middle, as names differ at their ends.
func Name(name string) string { return clean(name, nameLimit) }

// Address does the same to an address or a path.
func Address(text string) string { return clean(text, 2*nameLimit) }

// Text does the same to a message.
func Text(text string) string { return clean(text, textLimit) }

// mostMarks is how many marks a letter may have above and below: each is higher than the last.
const mostMarks = 3

func clean(text string, limit int) string {
	marks := 0
	visible := strings.Map(func(r rune) rune {
		if !unicode.Is(unicode.Mn, r) {
			marks = 0
		} else if marks++; marks > mostMarks {
			return -1
		}
		if r == utf8.RuneError || r != ' ' && !unicode.IsPrint(r) { // controls, and marks of direction
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	runes := []rune(visible)
	if len(runes) <= limit {
		return visible
	}
	head := limit/2 + limit/8
	return string(runes[:head]) + "…" + string(runes[len(runes)-(limit-head-1):])
}
