package main

import (
	"slices"
	"strings"
	"time"
)

// listed is how times are printed in columns: in UTC, with milliseconds.
const listed = "2006-01-02 15:04:05.000 UTC"

// moment formats a time in UTC after a few words; it returns "" if there is none.
func moment(before string, t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return before + t.UTC().Format(listed)
}

// parseMoment reads a time as RFC 3339 has it, or as list and status print it; one
// without a zone is in UTC, as theirs are. span is what the last digit leaves open:
// those are cut off, so the time that is meant is from t on and before t + span.
func parseMoment(text string) (t time.Time, span time.Duration, err error) {
	given := text
	text = strings.ToUpper(strings.TrimSpace(text))
	if t, err = time.Parse(time.RFC3339Nano, text); err == nil {
		return t, 1, nil
	}
	plain := strings.TrimSpace(strings.TrimSuffix(strings.TrimSuffix(text, "UTC"), "Z"))
	plain = strings.Replace(plain, "T", " ", 1)
	layouts := []string{
		"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z07:00", "2006-01-02 15:04:05 -0700",
	}
	for _, layout := range layouts {
		if t, err = time.Parse(layout, plain); err == nil {
			return t, precision(layout, plain), nil
		}
	}
	if isNewest(text) {
		return t, 0, usage("%q is no time", stateHint, given)
	}
	if _, err := time.Parse(time.DateOnly, plain); err == nil {
		return t, 0, usage("the time %q has no time of day", "Add one: "+plain+" 23:59 is the state at the end of that day, in UTC.", given)
	}
	return t, 0, usage("the time %q cannot be read", "Write it as `gbak-s3 list` and `gbak-s3 status` do, such as '2026-11-23 08:15:00' (UTC), "+
		"or as 2026-11-23T09:15:00.5+01:00 (RFC 3339).", given)
}

// stateHint says how to name the newest state.
const stateHint = "The newest state is what is meant where no --time, --epoch or --backup is given."

// isNewest reports whether somebody has written a word for the newest state.
func isNewest(text string) bool {
	return slices.Contains([]string{"now", "latest", "newest", "last", "head"}, strings.ToLower(text))
}

// precision returns the unit of the last digit of a time that was read by layout.
func precision(layout, text string) time.Duration {
	if !strings.Contains(layout, ":05") {
		return time.Minute
	}
	_, fraction, found := strings.Cut(text, ".")
	if !found {
		return time.Second
	}
	digits := len(fraction) - len(strings.TrimLeft(fraction, "0123456789"))
	switch {
	case digits <= 3: // the database's own times have so many
		return time.Millisecond
	case digits <= 6:
		return time.Microsecond
	}
	return 1
}
