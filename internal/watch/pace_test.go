package watch

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

func TestRunAt(t *testing.T) {
	lag, oldest := 10*time.Second, monday
	runs := func(n int, took time.Duration) pace {
		var p pace
		for range n {
			p.ran(took)
		}
		return p
	}
	for name, c := range map[string]struct {
		p    pace
		t    times
		want time.Duration // after the oldest commit
	}{
		"the first run":                {pace{}, times{}, lag},
		"with the time that runs take": {runs(20, time.Second), times{}, lag - time.Second},
		"one slow run of twenty":       {func() pace { p := runs(19, time.Second); p.ran(time.Minute); return p }(), times{}, lag - time.Second},
		"slow ones that are long ago": {func() pace {
			p := runs(20, time.Minute)
			p.took = append(p.took[:0], runs(20, time.Second).took...)
			return p
		}(), times{}, lag - time.Second},
		"waits for a pause":       {pace{}, times{lastEvent: oldest.Add(lag - 50*time.Millisecond)}, lag + 150*time.Millisecond},
		"but not for ever":        {pace{}, times{lastEvent: oldest.Add(lag + time.Minute)}, lag + pause},
		"much log":                {pace{}, times{bytes: muchLog}, 0},
		"much log, but one a lag": {pace{}, times{bytes: muchLog, lastRun: oldest.Add(-time.Second)}, lag - time.Second},
		"one a lag":               {runs(20, time.Second), times{lastRun: oldest}, lag},
		"another one leads":       {pace{yields: 1}, times{}, lag + lag/2},
		"it leads on":             {pace{yields: 3}, times{}, 3 * lag},
		"and on":                  {pace{yields: 1000}, times{}, lag + mostYield*lag},
	} {
		c.t.now, c.t.oldest = monday.Add(time.Second), oldest
		if got := c.p.runAt(c.t, lag).Sub(oldest); got != c.want {
			t.Errorf("%s: it runs after %s and not after %s", name, got, c.want)
		}
	}
}

// A bound on requests stretches the lag, and the state says so.
func TestMaxRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		g := target("people")
		g.MaxRequests = Rate{N: 2000, Per: day}
		s := watch(t, Options{}, []Target{g}, f)
		rest(time.Minute)
		before := a.total()
		var stretched time.Duration
		for range 24 * 3600 {
			rest(time.Second)
			d.commit()
			stretched = max(stretched, s.only().Lag)
		}
		if n := a.total() - before; n > 2000+2000/24+6 || n < 1900 {
			t.Errorf("%d requests in a day", n)
		}
		if stretched < 2*time.Minute {
			t.Errorf("the lag is said to be %s", stretched)
		}
		if err := s.stop(); err != nil || a.saved != len(d.commits) {
			t.Errorf("%v, %d of %d", err, a.saved, len(d.commits))
		}
	})
}

// After many requests in one go, incremental backups go on within hours.
func TestDebtIsBounded(t *testing.T) {
	for _, r := range []Rate{{N: 20000, Per: day}, {N: 2000, Per: day}, {N: 10, Per: time.Minute}} {
		var p pace
		p.setLimit(r)
		now := monday
		for range 3 {
			p.spent(now, 1_000_000)
		}
		if wait := p.affordAt(now).Sub(now); wait < 30*time.Minute || wait > 2*time.Hour {
			t.Errorf("%+v: the next backup waits for %s", r, wait)
		}
	}
}

// A verification of a large archive takes many requests, and no backup waits for that.
func TestUpkeepIsNotCharged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		f.upkeep.verifyAsks = 1000
		g := target("people")
		g.MaxRequests, g.Verify = Rate{N: 2000, Per: day}, time.Hour
		s := watch(t, Options{}, []Target{g}, f)
		rest(90 * time.Minute)
		if len(f.upkeep.verified) == 0 {
			t.Fatal("it was not verified")
		}
		d.commit()
		rest(time.Minute)
		if a.saved != 1 {
			t.Error("the backup waits")
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

// For whoever wants proof that all is safe, the store is asked as often as that while nothing
// is new, and each answer is one.
func TestProve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, f := newFake("people")
		g := target("people")
		g.Prove = 5 * time.Minute
		s := watch(t, Options{StoreCheck: -1}, []Target{g}, f)
		rest(time.Minute)
		before := a.total()
		for range 24 * 60 {
			rest(time.Minute)
			if age := time.Since(s.only().LastSafe); age > 5*time.Minute+time.Second {
				t.Fatalf("the last proof is %s old", age)
			}
		}
		if n := a.total() - before; n < 285 || n > 289 {
			t.Errorf("%d requests in a day", n)
		}
		a.setAway(storeAway)
		rest(time.Hour)
		if age := time.Since(s.only().LastSafe); age < 55*time.Minute {
			t.Errorf("it is said to be safe, %s ago, and the store is away", age)
		}
		_ = s.stop()
	})
}

// Upkeep comes as often as it should, beside backups.
func TestUpkeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		g := target("people")
		g.Verify = day
		s := watch(t, Options{}, []Target{g}, f)
		for range 10 * 24 {
			rest(time.Hour)
			d.commit()
		}
		if n := len(f.upkeep.verified); n < 9 || n > 10 {
			t.Errorf("%d verifications in ten days", n)
		}
		if v := s.only().Verify; v.LastGood.IsZero() || v.Why != "" || v.Due.Before(time.Now()) {
			t.Errorf("%+v", v)
		}
		a.setAway(storeAway)
		rest(2 * day)
		a.setAway(nil)
		before := len(f.upkeep.verified)
		rest(10 * time.Minute)
		if n := len(f.upkeep.verified) - before; n != 1 {
			t.Errorf("%d verifications after the store is back", n)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

// What is counted is what happened.
func TestCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		s := watch(t, Options{}, []Target{target("people")}, f)
		for range 5 {
			rest(20 * time.Second)
			d.commit()
		}
		rest(20 * time.Second)
		g := s.only()
		if g.Counts.Backups[archiver.KindFull] != 1 || g.Counts.Backups[archiver.KindIncremental] != 5 ||
			g.Counts.Durations[archiver.KindIncremental].Count != 5 || g.Counts.Requests.Total() != a.total() {
			t.Errorf("%+v, and %d requests", g.Counts, a.total())
		}
		if g.Newest.Seq != 6 || g.Increments != 5 || g.LastCommit.IsZero() || g.LastFull.IsZero() || !g.UnsavedSince.IsZero() {
			t.Errorf("%+v", g)
		}
		if s.count(EventBackup) != 6 {
			t.Errorf("%d were told of", s.count(EventBackup))
		}
		_ = s.stop()
	})
}
