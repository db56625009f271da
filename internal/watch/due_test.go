package watch

import (
	"os"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/gbak-s3/gbak-s3/archiver"
)

var (
	monday = time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	key    = Key{"people", "mem:people"}
)

// A window is a time of day of the host, and that of a developer may be anywhere.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

func lookAt(full time.Time, since int) archiver.Look {
	return archiver.Look{Known: true, Newest: archiver.Backup{Seq: uint64(1 + since)}, FullSeq: 1, FullAt: full, SinceFull: since, ImageBytes: 1000, FullBytes: 2000}
}

// A daily full backup comes at the same minute of each day, whenever the first one was.
func TestFullsDoNotDrift(t *testing.T) {
	night := Window{From: time.Hour, To: 5 * time.Hour}
	for name, r := range map[string]FullRules{
		"at any time":            {Every: day},
		"in a window":            {Every: day, Window: night},
		"in a window, each week": {Every: 7 * day, Window: night},
		"over midnight":          {Every: day, Window: Window{From: 23 * time.Hour, To: time.Hour}},
	} {
		at := monday
		var minute int
		for i := range 50 {
			due := fullDueAt(at, lookAt(at, 1), r, key)
			if gap := due.Sub(at); gap < r.Every-13*time.Hour || gap > r.Every+13*time.Hour || i > 0 && (gap-r.Every).Abs() > 30*time.Minute {
				t.Fatalf("%s: after %s it is due at %s", name, at, due)
			}
			if i == 0 {
				minute = due.Minute()
			} else if due.Minute() != minute {
				t.Errorf("%s: it is due at %s and not at minute %d", name, due, minute)
			}
			if from := due.Sub(due.Truncate(day)); r.Window != (Window{}) && !r.Window.has(from) {
				t.Errorf("%s: %s is not in the window", name, due)
			}
			at = due.Add(7 * time.Minute) // it had to wait for its turn
		}
	}
}

// A window opens at the same time of day all year, also on the days on which clocks are changed, and
// what is due is due in it.
func TestWindowsWhereClocksChange(t *testing.T) {
	defer func() { time.Local = time.UTC }()
	for _, zone := range []string{"America/St_Johns", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Pacific/Kiritimati"} {
		there, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		time.Local = there
		for _, w := range []Window{{From: 4 * time.Hour, To: 6 * time.Hour}, {From: 22 * time.Hour, To: 5 * time.Hour}} {
			for hours := range 366 * 24 {
				now := monday.Add(time.Duration(hours) * time.Hour)
				opens := w.next(now, 0)
				if hour, from := opens.Local().Hour(), int(w.From.Hours()); !opens.Equal(now) && hour != from || opens.Before(now) || opens.Sub(now) > day+time.Hour {
					t.Fatalf("%s: at %s the window %s-%s opens at %s", zone, now.Local(), w.From, w.To, opens.Local())
				}
				due := w.near(now.Add(day), now, 30*time.Minute)
				if again := w.next(due, 0); !again.Equal(due) || !due.After(now) || due.Sub(now) > 37*time.Hour {
					t.Fatalf("%s: after %s it is due at %s, and the window %s-%s opens at %s", zone, now.Local(), due.Local(), w.From, w.To, again.Local())
				}
			}
		}
	}
}

func (w Window) has(at time.Duration) bool {
	if w.From < w.To {
		return at >= w.From && at < w.To
	}
	return at >= w.From || at < w.To
}

func TestFullDueAt(t *testing.T) {
	much, huge := lookAt(monday, 5), lookAt(monday, 5)
	much.LogSinceFullBytes, much.FullBytes = 65<<20, 1<<20
	huge.LogSinceFullBytes, huge.FullBytes = 65<<20, 66<<20
	fresh := lookAt(monday, 0)
	fresh.Commits = 1
	unknown := lookAt(monday, 5)
	unknown.Known = false
	now := monday.Add(time.Minute)
	for name, c := range map[string]struct {
		l      archiver.Look
		r      FullRules
		isDue  bool
		isEver bool
	}{
		"many increments":               {lookAt(monday, 2000), FullRules{AfterIncrements: 2000}, true, true},
		"one too few":                   {lookAt(monday, 1999), FullRules{AfterIncrements: 2000}, false, false},
		"much log":                      {much, FullRules{}, true, true},
		"less log than a full one":      {huge, FullRules{}, false, false},
		"no rules":                      {lookAt(monday, 5), FullRules{}, false, false},
		"nothing is new":                {lookAt(monday.Add(-48*time.Hour), 0), FullRules{Every: time.Hour}, false, false},
		"old, and something is unsaved": {func() archiver.Look { l := fresh; l.FullAt = monday.Add(-48 * time.Hour); return l }(), FullRules{Every: day}, true, true},
		"the archive is not known":      {unknown, FullRules{AfterIncrements: 1}, false, false},
		"not yet":                       {lookAt(monday, 5), FullRules{Every: day}, false, true},
		"a clock was wrong for a year":  {lookAt(monday.Add(365*day), 5), FullRules{Every: day}, true, true},
		"a clock is ahead by an hour":   {lookAt(monday.Add(time.Hour), 5), FullRules{Every: day}, false, true},
		"many, but not in the window":   {lookAt(monday, 2000), FullRules{AfterIncrements: 2000, Window: Window{From: time.Hour, To: 2 * time.Hour}}, false, true},
		"many, and in the window":       {lookAt(monday, 2000), FullRules{AfterIncrements: 2000, Window: Window{From: 14 * time.Hour, To: 16 * time.Hour}}, true, true},
		"missed in the window":          {lookAt(monday.Add(-48*time.Hour), 5), FullRules{Every: day, Window: Window{From: time.Hour, To: 2 * time.Hour}}, false, true},
		"missed, and in it again":       {lookAt(monday.Add(-48*time.Hour), 5), FullRules{Every: day, Window: Window{From: 14 * time.Hour, To: 16 * time.Hour}}, true, true},
		"every ten minutes, not yet":    {lookAt(now.Add(-9*time.Minute), 1), FullRules{Every: 10 * time.Minute}, false, true},
		"every ten minutes":             {lookAt(now.Add(-10*time.Minute), 1), FullRules{Every: 10 * time.Minute}, true, true},
	} {
		at := fullDueAt(now, c.l, c.r, key)
		if isDue := !at.IsZero() && !at.After(now); isDue != c.isDue || at.IsZero() == c.isEver {
			t.Errorf("%s: due at %s", name, at)
		}
	}
}

// Upkeep is due once in each period, wherever in it the watcher was started.
func TestUpkeepDueAt(t *testing.T) {
	first := upkeepDueAt(monday, day, key)
	for hours := range 24 {
		from := monday.Add(time.Duration(hours) * time.Hour)
		at := upkeepDueAt(from, day, key)
		if !at.After(from) || at.Sub(from) > day || at.Sub(first)%day != 0 {
			t.Errorf("from %s on it is due at %s", from, at)
		}
		if next := upkeepDueAt(at.Add(time.Minute), day, key); next.Sub(at) != day {
			t.Errorf("after %s it is due at %s", at, next)
		}
	}
	if !upkeepDueAt(monday, 0, key).IsZero() {
		t.Error("it is due although it never is")
	}
}

// Many targets do not begin at the same minute.
func TestSpread(t *testing.T) {
	minutes := map[time.Duration]int{}
	for i := range 600 {
		minutes[spread(Key{Name: string(rune('a' + i))}, time.Hour)]++
	}
	for m, n := range minutes {
		if m < 0 || m >= time.Hour || n > 40 {
			t.Errorf("%d at %s", n, m)
		}
	}
	if len(minutes) < 50 {
		t.Errorf("only %d minutes", len(minutes))
	}
}

// A full backup is planned before the lock of the chain ends, even if nothing is new and no
// rule asks for one: in the window, if that opens before.
func TestFullsByLock(t *testing.T) {
	const chain = 8 * day
	night := Window{From: time.Hour, To: 5 * time.Hour}
	for name, c := range map[string]struct {
		after   time.Duration // the last full backup
		rules   FullRules
		soonest time.Duration // after the last full backup
		latest  time.Duration
	}{
		"much later":            {0, FullRules{}, 7 * day, 7 * day},
		"in a window":           {0, FullRules{Window: night}, 7*day + 10*time.Hour, 7*day + 14*time.Hour},
		"a rule comes first":    {0, FullRules{Every: day}, 0, 2 * day},
		"due":                   {7*day + time.Hour, FullRules{}, 7*day + time.Hour, 7*day + time.Hour},
		"no window before that": {7*day + 23*time.Hour, FullRules{Window: night}, chain, chain},
		"too late":              {9 * day, FullRules{Window: night}, 9 * day, 9 * day},
	} {
		l := lookAt(monday, 0)
		l.Commits, l.LockFullAt = 0, monday.Add(chain)
		if c.rules.Every > 0 {
			l.Commits = 1
		}
		due := fullDueAt(monday.Add(c.after), l, c.rules, key).Sub(monday)
		if due < c.soonest || due > c.latest {
			t.Errorf("%s: it is due %s after the last one", name, due)
		}
	}
	if due := fullDueAt(monday, lookAt(monday, 0), FullRules{}, key); !due.IsZero() {
		t.Errorf("without a lock: %s", due)
	}
}
