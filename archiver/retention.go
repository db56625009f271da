package archiver

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/keeping"
	"github.com/gbak-s3/gbak-s3/archiver/internal/retention"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Rules say which backups stay (docs/retention.md). What any of them keeps, stays, with the
// backups that it continues. The newest backup and pinned ones always stay. Ages count from
// the newest backup, and not from now: an archive whose backups have stopped loses nothing.
// The zero value keeps no backup and is refused.
type Rules struct {
	Last   int           // the newest backups
	Full   int           // the newest N full backups, and all that continues them
	Within time.Duration // backups of so long
	Window time.Duration // every epoch of so long, and not only the ends of backups

	// The newest backup of each of the newest N periods that have any, in UTC; weeks are
	// those of ISO 8601.
	Hourly, Daily, Weekly, Monthly, Yearly int

	Labels []string // backups with one of these labels: "KEY", or "KEY=VALUE"
}

// ParseAge parses a duration such as 90m, 36h, 30d or 8w. It is at least a second, and
// at most a hundred years.
func ParseAge(s string) (time.Duration, error) { return manifest.ParseAge(s) }

// ParseCount returns how many backups or periods a rule keeps, at least 1.
func ParseCount(s string) (int, error) { return manifest.ParseCount(s) }

// ParseLabel splits KEY=VALUE. The error says why that cannot be a label of a backup.
func ParseLabel(s string) (key, value string, err error) {
	key, value, err = manifest.ParseLabel(s)
	if err == nil {
		err = manifest.Labels{key: value}.Validate()
	}
	return key, value, err
}

// document returns the rules as documents have them, nil for nil.
func (r *Rules) document() *manifest.Rules {
	if r == nil {
		return nil
	}
	return &manifest.Rules{
		Last: r.Last, Full: r.Full, Within: seconds(r.Within), Window: seconds(r.Window),
		Hourly: r.Hourly, Daily: r.Daily, Weekly: r.Weekly, Monthly: r.Monthly, Yearly: r.Yearly, Labels: r.Labels,
	}
}

// seconds returns d in seconds, rounded up: what is as old as d stays.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

func rulesOf(r *manifest.Rules) *Rules {
	if r == nil {
		return nil
	}
	return &Rules{
		Last: r.Last, Full: r.Full, Within: time.Duration(r.Within) * time.Second, Window: time.Duration(r.Window) * time.Second,
		Hourly: r.Hourly, Daily: r.Daily, Weekly: r.Weekly, Monthly: r.Monthly, Yearly: r.Yearly, Labels: r.Labels,
	}
}

// Pin keeps a backup, and those that it continues, whatever the rules say.
type Pin struct {
	Backup uint64
	Label  string
	Host   string // that has pinned it
	At     time.Time
}

func pinsOf(pins []manifest.Pin) []Pin {
	var all []Pin
	for _, p := range pins {
		all = append(all, Pin{uint64(p.Backup), p.Label, p.Host, p.At})
	}
	return all
}

// Verdict says whether a backup stays, and why.
type Verdict struct {
	Backup Backup
	Stays  bool

	// Because are the reasons for which it stays: the rules that keep it ("newest",
	// "last", "full", "within", "hourly" to "yearly", "window", "label", "pin"), and
	// "chain of N" if backup N needs it and stays by some rule. A backup that nobody
	// asked to remove stays without a reason.
	Because []string

	// Of has, for each reason, what it is about: the period ("2026-10-26"), the label,
	// or the label of the pin; "" for others.
	Of []string

	NeededBy uint64 // the N of "chain of N", else 0
	GivenUp  bool   // by [ExpireOptions.Remove], or because it needs one that is
}

func verdictsOf(d *retention.Decision) []Verdict {
	all := make([]Verdict, len(d.Verdicts))
	for i := range d.Verdicts {
		v := &d.Verdicts[i]
		all[i] = Verdict{Backup: describe(v.Backup.Manifest), Stays: v.Stays, Because: v.Words(), NeededBy: uint64(v.NeededBy), GivenUp: v.GivenUp}
		all[i].Of = make([]string, len(all[i].Because))
		for k, r := range v.Because {
			all[i].Of[k] = r.Of
		}
	}
	return all
}

// author says who makes a keep.
func (a *Archive) author(timeout time.Duration) keeping.Author {
	if timeout == 0 {
		timeout = DefaultCommitTimeout
	}
	return keeping.Author{Tool: a.tool, Host: a.host, Timeout: timeout}
}

// state reads an archive for a decision on which backups stay, and passes it to decide: both
// again if it was out of date.
func (a *Archive) state(ctx context.Context, decide func(*keeping.State) error) (s *keeping.State, err error) {
	err = a.upToDate(ctx, func() (*journal.List, error) {
		l, err := a.existing(ctx)
		if err != nil {
			return nil, err
		}
		if s, err = keeping.Read(ctx, a.journal, l); err == nil {
			err = decide(s)
		}
		return l, err
	})
	return s, err
}
