package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestParseMoment(t *testing.T) {
	for text, want := range map[string]struct {
		utc  string
		span time.Duration
	}{
		"2026-11-23T08:14:15Z":             {"2026-11-23T08:14:15Z", 1},
		"2026-11-23T09:14:15.303456+01:00": {"2026-11-23T08:14:15.303456Z", 1},
		"2026-11-23t08:14:15z":             {"2026-11-23T08:14:15Z", 1},
		"2026-11-23 10:02:49":              {"2026-11-23T10:02:49Z", time.Second},
		" 2026-11-23 10:02:49 UTC\n":       {"2026-11-23T10:02:49Z", time.Second},
		"2026-11-23T10:02:49":              {"2026-11-23T10:02:49Z", time.Second},
		"2026-11-23 10:02:49Z":             {"2026-11-23T10:02:49Z", time.Second},
		"2026-11-23 08:14:15.303 UTC":      {"2026-11-23T08:14:15.303Z", time.Millisecond},
		"2026-11-23 08:14:15.3":            {"2026-11-23T08:14:15.3Z", time.Millisecond},
		"2026-11-23 08:14:15.303456":       {"2026-11-23T08:14:15.303456Z", time.Microsecond},
		"2026-11-23 08:14:15.303456789":    {"2026-11-23T08:14:15.303456789Z", 1},
		"2026-11-23 09:14:15.3 +0100":      {"2026-11-23T08:14:15.3Z", time.Millisecond},
		"2026-11-23 09:14:15+01:00":        {"2026-11-23T08:14:15Z", time.Second},
		"2026-11-23 10:02":                 {"2026-11-23T10:02:00Z", time.Minute},
	} {
		got, span, err := parseMoment(text)
		if err != nil || got.UTC().Format(time.RFC3339Nano) != want.utc || span != want.span {
			t.Errorf("%q is %v, %v, %v, want %+v", text, got, span, err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "2026-11-23", "10:02:49", "2026-13-23 10:02:49", "2026-11-23 25:02:49", "1764151369"} {
		if got, _, err := parseMoment(text); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", text)) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	// What is printed is read as what was printed.
	now := time.Date(2026, 11, 23, 8, 14, 15, 303_000_000, time.UTC)
	for _, printed := range []string{moment("", &now), now.Format(time.DateTime), now.Format(time.RFC3339Nano)} {
		if got, span, err := parseMoment(printed); err != nil || got.After(now) || !now.Before(got.Add(span)) {
			t.Errorf("%q is %v and %v more, %v", printed, got, span, err)
		}
	}
}

// Two hours less a moment, such as a command takes, are two hours.
func TestAges(t *testing.T) {
	for d, want := range map[time.Duration]string{
		90 * time.Millisecond:             "90ms ago",
		2*time.Hour - 80*time.Millisecond: "2 hours ago",
		80*time.Millisecond - 2*time.Hour: "2 hours in the future by this host's clock",
		24*time.Hour - time.Second:        "1 day ago",
		119 * time.Second:                 "1m59s ago",
		179 * time.Second:                 "3 minutes ago",
	} {
		if got := aged(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
