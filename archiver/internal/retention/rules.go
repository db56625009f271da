package retention

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// apply makes the backups stay that rules keep for themselves.
func (a *archive) apply(r *manifest.Rules) {
	points := a.points()
	for _, i := range points[:min(r.Last, len(points))] {
		a.keep(Last, i, "")
	}
	a.keepFull(r.Full)
	if r.Within > 0 {
		from := a.times.Now.Add(-time.Duration(r.Within) * time.Second)
		for _, i := range points {
			if !a.taken[i].Before(from) {
				a.keep(Within, i, "")
			}
		}
	}
	for rule, n := range map[Rule]int{Hourly: r.Hourly, Daily: r.Daily, Weekly: r.Weekly, Monthly: r.Monthly, Yearly: r.Yearly} {
		a.keepPeriods(rule, n, points)
	}
	if r.Window > 0 {
		a.keepWindow(a.times.Now.Add(-time.Duration(r.Window) * time.Second))
	}
	for _, pattern := range r.Labels {
		for _, i := range points {
			if a.verdicts[i].Backup.Labels.Match(pattern) {
				a.keep(Label, i, pattern)
			}
		}
	}
}

// points returns the backups that are not given up, the youngest first.
func (a *archive) points() []int {
	points := make([]int, 0, len(a.verdicts))
	for i := range a.verdicts {
		if !a.verdicts[i].GivenUp {
			points = append(points, i)
		}
	}
	slices.SortFunc(points, func(i, j int) int { return cmp.Or(a.taken[j].Compare(a.taken[i]), cmp.Compare(j, i)) })
	return points
}

// keepFull keeps the newest n full backups, and all whose chains begin with one of them.
func (a *archive) keepFull(n int) {
	isNewest := map[int]bool{}
	for i := len(a.verdicts) - 1; i >= 0 && len(isNewest) < n; i-- {
		if v := &a.verdicts[i]; v.Backup.Kind == manifest.Full && !v.GivenUp {
			isNewest[i] = true
		}
	}
	base := make([]int, len(a.verdicts))
	for i := range a.verdicts {
		base[i] = i
		if a.verdicts[i].Backup.Kind != manifest.Full && a.parent[i] >= 0 {
			base[i] = base[a.parent[i]]
		}
		if isNewest[base[i]] {
			a.keep(Full, i, "")
		}
	}
}

// keepPeriods keeps the newest of these points, the youngest first, in each of the newest n
// periods that have any.
func (a *archive) keepPeriods(rule Rule, n int, points []int) {
	before := ""
	for _, i := range points {
		if n == 0 {
			return
		}
		if period := periodOf(rule, a.taken[i]); period != before {
			a.keep(rule, i, period)
			before = period
			n--
		}
	}
}

// periodOf returns the hour, day, week, month or year of a time: in UTC, with the weeks of
// ISO 8601, which begin on Mondays.
func periodOf(rule Rule, t time.Time) string {
	t = t.UTC()
	switch rule {
	case Hourly:
		return t.Format("2006-01-02 15:00")
	case Daily:
		return t.Format("2006-01-02")
	case Weekly:
		year, week := t.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	case Monthly:
		return t.Format("2006-01")
	default:
		return t.Format("2006")
	}
}

// keepWindow keeps what every epoch since a time needs: in each timeline that has a backup
// from then on, all from the newest full one on that was read by then. What was committed
// later is behind that full backup, so it is reached through what follows. If none was read
// by then, that is all of the timeline.
func (a *archive) keepWindow(from time.Time) {
	begin := map[int]int{} // of each timeline that has a backup since then
	for i := range a.verdicts {
		v := &a.verdicts[i]
		if seq := v.Backup.Seq; !v.GivenUp && !later(a.times.Taken(seq), a.times.ReadBy(seq)).Before(from) {
			begin[v.Backup.Timeline] = 0
		}
	}
	for i := range a.verdicts {
		v := &a.verdicts[i]
		if _, ok := begin[v.Backup.Timeline]; ok && v.Backup.Kind == manifest.Full && !v.GivenUp && !a.times.ReadBy(v.Backup.Seq).After(from) {
			begin[v.Backup.Timeline] = i
		}
	}
	for i := range a.verdicts {
		if first, ok := begin[a.verdicts[i].Backup.Timeline]; ok && i >= first {
			a.keep(Window, i, "")
		}
	}
}
