package manifest

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Rules say which backups stay (docs/retention.md). A backup stays if any of them keeps
// it.
type Rules struct {
	Last    int      `json:"last,omitempty"`     // the newest points
	Full    int      `json:"full,omitempty"`     // the newest N full backups, and all that continues them
	Within  int64    `json:"within_s,omitempty"` // points of the last so many seconds
	Window  int64    `json:"window_s,omitempty"` // every epoch of the last so many seconds
	Hourly  int      `json:"hourly,omitempty"`   // the newest point of each of the newest N hours that have any
	Daily   int      `json:"daily,omitempty"`
	Weekly  int      `json:"weekly,omitempty"`
	Monthly int      `json:"monthly,omitempty"`
	Yearly  int      `json:"yearly,omitempty"`
	Labels  []string `json:"labels,omitempty"` // points with one of these labels: "KEY", or "KEY=VALUE"
}

// MaxAge is the longest time that a rule can name: a hundred years.
const MaxAge = 36_525 * 24 * time.Hour

// IsEmpty reports whether the rules keep nothing.
func (r *Rules) IsEmpty() bool {
	return r.Last == 0 && r.Full == 0 && r.Within == 0 && r.Window == 0 &&
		r.Hourly == 0 && r.Daily == 0 && r.Weekly == 0 && r.Monthly == 0 && r.Yearly == 0 && len(r.Labels) == 0
}

// RulesError says why rules cannot be followed.
type RulesError struct {
	Rule    string // as documents name it: "last", "window_s", "labels"; "" if it is about all
	Problem string
}

func (e *RulesError) Error() string {
	if e.Rule == "" {
		return e.Problem
	}
	return e.Rule + ": " + e.Problem
}

// Validate returns a [*RulesError] if the rules cannot be followed.
func (r *Rules) Validate() error {
	if r.IsEmpty() {
		return &RulesError{Problem: "rules that keep nothing"}
	}
	for _, c := range []struct {
		rule string
		n    int64
		most int64
	}{
		{"last", int64(r.Last), math.MaxInt32}, {"full", int64(r.Full), math.MaxInt32},
		{"within_s", r.Within, int64(MaxAge / time.Second)}, {"window_s", r.Window, int64(MaxAge / time.Second)},
		{"hourly", int64(r.Hourly), math.MaxInt32}, {"daily", int64(r.Daily), math.MaxInt32}, {"weekly", int64(r.Weekly), math.MaxInt32},
		{"monthly", int64(r.Monthly), math.MaxInt32}, {"yearly", int64(r.Yearly), math.MaxInt32},
	} {
		if c.n < 0 || c.n > c.most {
			return &RulesError{c.rule, fmt.Sprintf("%d is not from 1 to %d", c.n, c.most)}
		}
	}
	if len(r.Labels) > MaxLabels {
		return &RulesError{"labels", fmt.Sprintf("%d labels, and there may be %d", len(r.Labels), MaxLabels)}
	}
	for _, pattern := range r.Labels {
		if err := validatePattern(pattern); err != nil {
			return &RulesError{"labels", err.Error()}
		}
	}
	return nil
}

// ParseCount returns how many backups or periods a rule keeps. A rule that keeps none is
// refused: it would look as if it removed everything.
func ParseCount(s string) (int, error) {
	n, err := strconv.ParseInt(s, 10, 32)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a number from 1 to %d", s, math.MaxInt32)
	case n < 1:
		return 0, fmt.Errorf("%d: a rule keeps at least 1; the newest backup and what it needs always stay", n)
	}
	return int(n), nil
}

// ageUnits are the units of [ParseAge].
var ageUnits = map[byte]time.Duration{
	's': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour,
}

// ParseAge parses a duration such as 90m, 36h, 30d or 8w. It is at least a second and at
// most [MaxAge].
func ParseAge(s string) (time.Duration, error) {
	if s == "" {
		return 0, fmt.Errorf("an age is a number and a unit: 36h, 30d, 8w")
	}
	unit, ok := ageUnits[s[len(s)-1]]
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 63)
	switch {
	case !ok || err != nil:
		return 0, fmt.Errorf("%q: an age is a number and a unit: 36h, 30d, 8w", s)
	case n == 0:
		return 0, fmt.Errorf("%q: an age is at least a second", s)
	case n > uint64(MaxAge/unit):
		return 0, fmt.Errorf("%q: an age is at most a hundred years, %dd", s, MaxAge/(24*time.Hour))
	}
	return time.Duration(n) * unit, nil //nolint:gosec // at most MaxAge
}
