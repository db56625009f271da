package watch

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// While the log has a gap each time, unplanned full backups come at once, and then after 1, 5,
// 30 and 60 minutes.
func TestUnplannedFulls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _, f := newFake("people")
		s := watch(t, Options{}, []Target{target("people")}, f)
		rest(time.Minute)
		began := time.Now()
		for time.Since(began) < 4*time.Hour {
			d.set(func(d *fakeDatabase) { d.gap = len(d.commits) + 1 })
			d.commit()
			rest(5 * time.Second)
		}
		var after []int
		for _, at := range f.fulls[1:] {
			after = append(after, int(at.Sub(began).Round(time.Minute).Minutes()))
		}
		if got, want := fmt.Sprint(after), "[0 1 6 36 96 156 216]"; got != want {
			t.Errorf("full backups after %s minutes, and not %s", got, want)
		}
		g := s.only()
		if g.Counts.UnplannedFulls["gap"] != 7 || g.Why == "" || s.count(EventForks) != 0 {
			t.Errorf("%v, %q", g.Counts.UnplannedFulls, g.Why)
		}
		_ = s.stop()
	})
}

// Two databases that back up into one archive are told of, and take few full backups.
func TestForks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		s := watch(t, Options{}, []Target{target("people")}, f)
		rest(time.Minute)
		for range 60 * 6 {
			d.set(func(d *fakeDatabase) { d.forks++ })
			d.commit()
			rest(10 * time.Second)
		}
		if n := a.kinds()[archiver.KindFull]; n > 5 {
			t.Errorf("%d full backups in an hour", n)
		}
		if s.count(EventForks) == 0 {
			t.Error("nothing is said")
		}
		_ = s.stop()
	})
}

// A 0.5 database that is closed and opened again and again takes a full backup at once some
// times, then each lag at most, and each minute at most if one takes seconds. None of them is
// unplanned.
func TestReopened(t *testing.T) {
	for latency, most := range map[time.Duration]int{20 * time.Millisecond: 90, 3 * time.Second: 12} {
		synctest.Test(t, func(t *testing.T) {
			d, a, f := newFake("people")
			d.generation, a.latency = "0.5", latency
			s := watch(t, Options{}, []Target{target("people")}, f)
			rest(time.Minute)
			for range 60 * 10 {
				d.set(func(d *fakeDatabase) { d.forks++ })
				d.commit()
				rest(time.Second)
			}
			if n := len(f.fulls); n < most/2 || n > most {
				t.Errorf("%d full backups in ten minutes, with answers after %s", n, latency)
			}
			if c := s.only().Counts; len(c.UnplannedFulls) != 0 {
				t.Errorf("%v", c.UnplannedFulls)
			}
			_ = s.stop()
		})
	}
}

// What a 0.5 database has committed before it was closed is looked at when it is closed, and
// not when the next look would have come: an opening overwrites the image.
func TestCloseIsSeenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _, f := newFake("people")
		d.generation = "0.5"
		s := watch(t, Options{}, []Target{target("people")}, f)
		rest(time.Minute)
		d.commit()
		rest(time.Second) // it was looked at
		looks := func() (n int) {
			d.set(func(d *fakeDatabase) { n = d.looks })
			return n
		}
		before := looks()
		d.changed()
		rest(time.Millisecond)
		if looks() != before {
			t.Error("each change of a database that writes is looked at")
		}
		d.set(func(d *fakeDatabase) { d.isClosed = true })
		d.changed()
		rest(time.Millisecond)
		if looks() == before {
			t.Error("a closed database is looked at later")
		}
		_ = s.stop()
	})
}

// A planned full backup of a large database is prepared beside increments, comes once a day,
// and only if something is new.
func TestPlannedFulls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		d.image, f.prepare = 1<<40, 3*time.Hour
		g := target("people")
		g.Full = FullRules{Every: day, Window: Window{From: time.Hour, To: 5 * time.Hour}}
		s := watch(t, Options{}, []Target{g}, f)
		for range 5 * 24 * 60 {
			rest(time.Minute)
			d.commit()
		}
		if n := len(f.fulls); n < 5 || n > 6 || f.prepared != n-1 {
			t.Errorf("%d full backups in five days, %d prepared", n, f.prepared)
		}
		for _, at := range f.fulls[1:] {
			began := at.Add(-f.prepare).Local()
			if h := began.Hour(); h < 1 || h >= 5 {
				t.Errorf("one was begun at %s", began)
			}
		}
		if limit := 11 * time.Second; a.worst > limit {
			t.Errorf("a commit was %s old", a.worst)
		}
		before := len(f.fulls)
		rest(5 * day)
		if n := len(f.fulls) - before; n > 1 {
			t.Errorf("%d more, and nothing was new", n)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

// A thousand increments make a full backup due, whatever the time.
func TestFullAfterIncrements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		g := target("people")
		g.Full = FullRules{AfterIncrements: 100}
		s := watch(t, Options{}, []Target{g}, f)
		for range 350 {
			rest(11 * time.Second)
			d.commit()
		}
		if k := a.kinds(); k[archiver.KindFull] != 4 {
			t.Errorf("%v", k)
		}
		_ = s.stop()
	})
}

// First backups of many databases go two at a time.
func TestFirstBackupsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var targets []Target
		var sessions []*fakeSession
		for i := range 40 {
			d, a, f := newFake(fmt.Sprint(i))
			d.commits = append(d.commits, time.Now())
			a.latency = time.Second
			sessions, targets = append(sessions, f), append(targets, target(d.path))
		}
		s := watch(t, Options{}, targets, sessions...)
		rest(20 * time.Second) // reading the archives is over
		done := func() (n int) {
			for _, f := range sessions {
				n += f.a.saved
			}
			return n
		}
		before := done()
		rest(9 * time.Second) // three requests each
		if n := done() - before; n < 4 || n > 8 {
			t.Errorf("%d in the time of three", n)
		}
		queued := 0
		for _, g := range s.w.State().Targets {
			if g.Doing.Queued {
				queued++
			}
		}
		if queued == 0 {
			t.Error("none says that it waits")
		}
		rest(2 * time.Minute)
		if n := done(); n != 40 {
			t.Errorf("%d are done", n)
		}
		_ = s.stop()
	})
}

// While others take all turns of full backups, a database that is due for one goes on with
// increments.
func TestIncrementsWhileFullsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var targets []Target
		var sessions []*fakeSession
		d, a, f := newFake("people")
		g := target("people")
		g.Full = FullRules{AfterIncrements: 10}
		sessions, targets = append(sessions, f), append(targets, g)
		for i := range fullsAtATime {
			_, large, f := newFake(fmt.Sprint("large", i))
			large.latency = 2 * time.Hour
			sessions, targets = append(sessions, f), append(targets, target(f.d.path))
		}
		s := watch(t, Options{Flush: day}, targets, sessions...)
		rest(8 * time.Hour) // their archives are read, and first backups run
		a.worst = 0
		for range 3600 {
			rest(time.Second)
			d.commit()
		}
		if limit := 11 * time.Second; a.worst > limit || a.saved < 3580 || a.kinds()[archiver.KindFull] != 1 {
			t.Errorf("a commit was %s old, %d are saved, %v", a.worst, a.saved, a.kinds())
		}
		rest(8 * time.Hour)
		if n := a.kinds()[archiver.KindFull]; n != 2 {
			t.Errorf("%d full backups after the others", n)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}
