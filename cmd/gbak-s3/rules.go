package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// ruleFlags are the flags that say which backups stay, as the user wrote them.
type ruleFlags struct {
	flags  []*ruleFlag
	labels []string
}

// ruleFlag is one of them with a number or an age.
type ruleFlag struct {
	name, usage string
	count       func(*archiver.Rules) *int           // one of these is set
	age         func(*archiver.Rules) *time.Duration //
	text        string
}

const labelFlag = "keep-label"

// newRuleFlags adds the flags for rules to those of a command.
func newRuleFlags(set *pflag.FlagSet) *ruleFlags {
	f := &ruleFlags{flags: []*ruleFlag{
		{name: "keep-last", usage: "keep the newest `N` backups", count: func(r *archiver.Rules) *int { return &r.Last }},
		{name: "keep-full", usage: "keep the newest `N` full backups, and all that continues them", count: func(r *archiver.Rules) *int { return &r.Full }},
		{name: "keep-within", usage: "keep the backups of the last 36h, 30d or 8w, for example (`TIME`)", age: func(r *archiver.Rules) *time.Duration { return &r.Within }},
		{name: "window", usage: "keep every epoch of the last 7d, for example, and not only those at which backups end (`TIME`)", age: func(r *archiver.Rules) *time.Duration { return &r.Window }},
		{name: "keep-hourly", usage: "keep the newest backup of each of the newest `N` hours that have any", count: func(r *archiver.Rules) *int { return &r.Hourly }},
		{name: "keep-daily", usage: "the same for days (`N`, UTC)", count: func(r *archiver.Rules) *int { return &r.Daily }},
		{name: "keep-weekly", usage: "the same for weeks (`N`, from Monday on)", count: func(r *archiver.Rules) *int { return &r.Weekly }},
		{name: "keep-monthly", usage: "the same for months (`N`)", count: func(r *archiver.Rules) *int { return &r.Monthly }},
		{name: "keep-yearly", usage: "the same for years (`N`)", count: func(r *archiver.Rules) *int { return &r.Yearly }},
	}}
	set.SortFlags = false
	for _, flag := range f.flags {
		set.StringVar(&flag.text, flag.name, "", flag.usage)
	}
	set.StringArrayVar(&f.labels, labelFlag, nil, "keep the backups with this label, `KEY` or KEY=VALUE; may be repeated")
	return f
}

// read returns the rules that were given, nil if there are none.
func (f *ruleFlags) read(cmd *cobra.Command) (*archiver.Rules, error) {
	r, given := &archiver.Rules{Labels: f.labels}, len(f.labels) > 0
	for _, flag := range f.flags {
		if !cmd.Flags().Changed(flag.name) {
			continue
		}
		given = true
		var err error
		hint := "Give a number such as 7; without the flag, the rule keeps nothing."
		if flag.count != nil {
			*flag.count(r), err = archiver.ParseCount(flag.text)
		} else {
			hint = "Give a number with its unit, such as 36h, 30d or 8w; without the flag, the rule keeps nothing."
			*flag.age(r), err = archiver.ParseAge(flag.text)
		}
		if err != nil {
			return nil, usage("--%s %w", hint, flag.name, err)
		}
	}
	for _, label := range f.labels {
		pattern := label
		if !strings.Contains(pattern, "=") {
			pattern += "="
		}
		if _, _, err := archiver.ParseLabel(pattern); err != nil {
			return nil, usage("--%s %q: %w", "Give a label as backups have it: KEY, or KEY=VALUE.", labelFlag, label, err)
		}
	}
	if !given {
		return nil, nil
	}
	return r, nil
}

// flagsOf returns rules as the flags that mean them.
func flagsOf(r *archiver.Rules) string {
	var words []string
	for _, flag := range newRuleFlags(pflag.NewFlagSet("", pflag.ContinueOnError)).flags {
		switch {
		case flag.count != nil && *flag.count(r) > 0:
			words = append(words, fmt.Sprintf("--%s %d", flag.name, *flag.count(r)))
		case flag.age != nil && *flag.age(r) > 0:
			words = append(words, fmt.Sprintf("--%s %s", flag.name, age(*flag.age(r))))
		}
	}
	for _, label := range slices.Sorted(slices.Values(r.Labels)) {
		words = append(words, fmt.Sprintf("--%s %s", labelFlag, quote(label)))
	}
	return strings.Join(words, " ")
}

// age is how an age is written in a flag, in the largest unit that fits it.
func age(d time.Duration) string {
	for _, unit := range []struct {
		name string
		is   time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}} {
		if d%unit.is == 0 {
			return fmt.Sprintf("%d%s", d/unit.is, unit.name)
		}
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// rulesLine is rules in JSON. What is 0 keeps nothing.
type rulesLine struct {
	Last    int      `json:"last,omitempty"`
	Full    int      `json:"full,omitempty"`
	Within  int64    `json:"within_s,omitempty"`
	Window  int64    `json:"window_s,omitempty"`
	Hourly  int      `json:"hourly,omitempty"`
	Daily   int      `json:"daily,omitempty"`
	Weekly  int      `json:"weekly,omitempty"`
	Monthly int      `json:"monthly,omitempty"`
	Yearly  int      `json:"yearly,omitempty"`
	Labels  []string `json:"labels,omitempty"`
}

func lineOfRules(r *archiver.Rules) *rulesLine {
	if r == nil {
		return nil
	}
	return &rulesLine{
		r.Last, r.Full, int64(r.Within / time.Second), int64(r.Window / time.Second),
		r.Hourly, r.Daily, r.Weekly, r.Monthly, r.Yearly, r.Labels,
	}
}
