package retention

import (
	"fmt"
	"slices"
)

// Rule is the kind of a reason for which a backup stays.
type Rule int

// The rules, in the order in which they are told.
const (
	Newest Rule = iota
	Last
	Full
	Within
	Hourly
	Daily
	Weekly
	Monthly
	Yearly
	Window
	Label
	Pin
	Nearby
)

var ruleNames = [...]string{
	"newest", "last", "full", "within", "hourly", "daily", "weekly", "monthly", "yearly", "window", "label", "pin", "range",
}

// String returns the word for the rule in JSON.
func (r Rule) String() string { return ruleNames[r] }

// Reason is a rule that keeps a backup.
type Reason struct {
	Rule Rule

	// Of is the period whose newest point the backup is ("2026-10-26", "2026-W44"), the
	// label that it has, or the label of its pin; "" for other rules.
	Of string
}

// add adds a reason, unless the verdict has one of the same rule. The reasons stay in
// order.
func (v *Verdict) add(r Reason) {
	i, found := slices.BinarySearchFunc(v.Because, r.Rule, func(r Reason, rule Rule) int { return int(r.Rule - rule) })
	if !found {
		v.Because = slices.Insert(v.Because, i, r)
	}
}

// Words returns why the backup stays as JSON has it: the names of the rules, and
// "chain of N" if backup N needs it.
func (v *Verdict) Words() []string {
	words := []string{}
	for _, r := range v.Because {
		words = append(words, r.Rule.String())
	}
	if v.NeededBy != 0 {
		words = append(words, fmt.Sprintf("chain of %d", v.NeededBy))
	}
	return words
}
