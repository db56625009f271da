package watch

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

func drilled(path string, every time.Duration) Target {
	t := target(path)
	t.Drill.Every = every
	return t
}

// Drills are due by what the archive says: a restart neither misses nor doubles one, and they are
// of the newest state and of a random one in turns.
func TestDrillsAreDueByTheArchive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		all := f.upkeep.drilled
		for range 20 { // each watcher lives for half a day
			f = &fakeSession{d: d, a: a}
			f.upkeep.drillTime = time.Minute
			s := watch(t, Options{}, []Target{drilled("people", day)}, f)
			rest(time.Hour)
			d.commit()
			rest(11 * time.Hour)
			all = append(all, f.upkeep.drilled...)
			if err := s.stop(); err != nil {
				t.Error(err)
			}
		}
		if n := len(all); n < 9 || n > 11 {
			t.Errorf("%d drills in ten days", n)
		}
		for i, o := range all {
			if o.Random != (i%2 == 1) {
				t.Errorf("drill %d: random is %v", i, o.Random)
			}
		}
	})
}

// What another host has proved meanwhile is not proved again.
func TestDrillsOfOthersCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, f := newFake("people")
		s := watch(t, Options{}, []Target{drilled("people", day)}, f)
		rest(2 * time.Hour)
		if n := len(f.upkeep.drilled); n != 1 {
			t.Fatalf("%d drills in the first hours", n)
		}
		for range 10 {
			rest(12 * time.Hour)
			a.mu.Lock()
			a.proofs.LastDrill = &archiver.Drilled{At: time.Now(), OK: true}
			a.mu.Unlock()
		}
		if n := len(f.upkeep.drilled); n != 1 {
			t.Errorf("%d drills, and others did enough", n)
		}
		before := a.total()
		rest(day)
		if n := a.total() - before; n > 40 { // 24 of them ask whether the store answers
			t.Errorf("%d requests in a day with one drill", n)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

// An archive that takes no certificates from this host is not drilled again and again.
func TestDrillsWithoutCertificates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, f := newFake("people")
		f.upkeep.mute, f.upkeep.drillTime = true, time.Hour
		g := drilled("people", day)
		g.Verify, g.Sample = day, 0.05
		s := watch(t, Options{}, []Target{g}, f)
		rest(10 * day)
		for what, n := range map[string]int{"drills": len(f.upkeep.drilled), "samples": len(f.upkeep.verified)} {
			if n < 9 || n > 11 {
				t.Errorf("%d %s in ten days", n, what)
			}
		}
		_ = s.stop()
	})
}

// While a database is behind, whichever it is, no drill begins.
func TestNoDrillWhileBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, f := newFake("people")
		late, _, g := newFake("late")
		s := watch(t, Options{}, []Target{drilled("people", day), target("late")}, f, g)
		rest(10 * time.Second)
		slow := func(latency time.Duration) {
			g.a.mu.Lock()
			defer g.a.mu.Unlock()
			g.a.latency = latency
		}
		slow(2 * time.Hour) // for each of three requests
		late.commit()
		rest(5 * time.Hour)
		if n := len(f.upkeep.drilled); n != 0 {
			t.Fatalf("%d drills, and a database is behind", n)
		}
		before := f.a.total()
		rest(30 * time.Minute)
		if n := f.a.total() - before; n > 1 {
			t.Errorf("%d requests of a drill that waits", n)
		}
		slow(time.Millisecond)
		rest(2 * time.Hour)
		if n := len(f.upkeep.drilled); n != 1 {
			t.Errorf("%d drills after that", n)
		}
		_ = s.stop()
	})
}

// A database that cannot be backed up, whatever is left to it, keeps no other from being drilled.
func TestDrillsBesideTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, f := newFake("people")
		broken, _, g := newFake("broken")
		s := watch(t, Options{}, []Target{drilled("people", day), target("broken")}, f, g)
		rest(10 * time.Second)
		broken.commit()
		rest(time.Second)
		broken.set(func(d *fakeDatabase) {
			d.broken = &archiver.Error{Code: archiver.CodeDamagedDatabase, Err: errors.New("damaged")}
		})
		rest(2 * time.Hour)
		if n := len(f.upkeep.drilled); n != 1 {
			t.Errorf("%d drills", n)
		}
		for _, g := range s.w.State().Targets {
			if g.Target.Name == "broken" && (g.Phase != PhaseRefused || !g.IsBehind(time.Now())) {
				t.Errorf("it is %s", g.Phase)
			}
		}
		_ = s.stop()
	})
}

// Of many databases one is drilled at a time, and backups of it and of all others go on.
func TestOneDrillAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var targets []Target
		var sessions []*fakeSession
		scratch := &fakeDrilling{}
		for i := range 6 {
			_, _, f := newFake(fmt.Sprint(i))
			f.upkeep.drilling, f.upkeep.drillTime = scratch, 3*time.Hour
			sessions, targets = append(sessions, f), append(targets, drilled(f.d.path, day))
		}
		s := watch(t, Options{}, targets, sessions...)
		for range 24 * 60 {
			rest(time.Minute)
			for _, f := range sessions {
				f.d.commit()
			}
		}
		for _, f := range sessions {
			if n := len(f.upkeep.drilled); n < 1 || n > 2 {
				t.Errorf("%s: %d drills in a day", f.d.path, n)
			}
			if f.a.worst > 11*time.Second {
				t.Errorf("%s: a commit was %s old", f.d.path, f.a.worst)
			}
		}
		if _, most := scratch.numbers(); most != 1 {
			t.Errorf("%d drills at a time", most)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

// A drill that finds something wrong says so, and comes again sooner, of the same kind.
func TestDrillFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, f := newFake("people")
		a.proofs.LastDrill = &archiver.Drilled{At: time.Now(), OK: true}
		f.upkeep.drillWhy = "a segment is damaged"
		s := watch(t, Options{}, []Target{drilled("people", 4*day)}, f)
		rest(5 * day)
		if n := len(f.upkeep.drilled); n < 1 || n > 2 {
			t.Fatalf("%d drills in five days", n)
		}
		if p := s.only().Proof; p.Proofs.LastDrill.OK || p.Proofs.LastDrill.Why != "bytes: "+f.upkeep.drillWhy || p.Proofs.Proven != nil || p.Why != "" {
			t.Errorf("%+v", p)
		}
		rest(4 * day)
		if n := len(f.upkeep.drilled); n < 5 || n > 6 {
			t.Errorf("%d drills in nine days", n)
		}
		f.upkeep.drillWhy = ""
		rest(2 * day)
		for i, o := range f.upkeep.drilled {
			if !o.Random {
				t.Errorf("drill %d is of the newest state, and one of a random one has failed", i)
			}
		}
		if p := s.only().Proof.Proofs; p.Proven == nil || !p.LastDrill.OK {
			t.Errorf("%+v", p)
		}
		if n := s.count(EventDrill); n != len(f.upkeep.drilled) {
			t.Errorf("%d events of %d drills", n, len(f.upkeep.drilled))
		}
		_ = s.stop()
	})
}

// What keeps drills from being done is told, and they are tried less and less often.
func TestDrillCannotBeDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, f := newFake("people")
		f.upkeep.drillErr = &archiver.Error{Code: archiver.CodeFailed, Err: errors.New("the scratch folder is full")}
		s := watch(t, Options{}, []Target{drilled("people", day)}, f)
		rest(2 * day)
		if n := len(f.upkeep.drilled); n < 8 || n > 18 {
			t.Errorf("it was tried %d times in two days", n)
		}
		if p := s.only().Proof; p.Why == "" || s.count(EventFailed) != len(f.upkeep.drilled) {
			t.Errorf("%+v, %d events", p, s.count(EventFailed))
		}
		f.upkeep.drillErr = nil
		rest(day)
		if p := s.only().Proof; p.Why != "" || p.Proofs.Proven == nil {
			t.Errorf("%+v", p)
		}
		_ = s.stop()
	})
}

// Where certificates cannot be read, nobody knows what is due: nothing is done, and it is said.
func TestProofsCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, f := newFake("people")
		f.upkeep.proofErr = &archiver.Error{Code: archiver.CodeFailed, Err: errors.New("access denied")}
		g := drilled("people", time.Hour)
		g.Verify, g.Sample = time.Hour, 0.05
		s := watch(t, Options{}, []Target{g}, f)
		rest(day)
		if n := len(f.upkeep.drilled) + len(f.upkeep.verified); n != 0 {
			t.Errorf("%d drills and samples", n)
		}
		if p := s.only().Proof; p.Why != "access denied" || !p.At.IsZero() {
			t.Errorf("%+v", p)
		}
		_ = s.stop()
	})
}

// A watcher that stops ends its drill, and waits until its folder is removed.
func TestStopEndsDrill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _, f := newFake("people")
		scratch := &fakeDrilling{}
		f.upkeep.drilling, f.upkeep.drillTime = scratch, 100*time.Hour
		s := watch(t, Options{}, []Target{drilled("people", day)}, f)
		rest(90 * time.Minute)
		if now, _ := scratch.numbers(); now != 1 || s.only().Doing.Drill.IsZero() {
			t.Fatalf("%d drills go on, and the state says %+v", now, s.only().Doing)
		}
		d.commit()
		began := time.Now()
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		if now, _ := scratch.numbers(); now != 0 || time.Since(began) > time.Second {
			t.Errorf("after %s, %d drills go on", time.Since(began), now)
		}
		if f.a.saved != 1 || s.count(EventFailed) != 0 {
			t.Errorf("%d commits are saved, %d failures", f.a.saved, s.count(EventFailed))
		}
	})
}

// Samples are due by the archive, too, and read the share that is wanted.
func TestSamplesAreDueByTheArchive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, _ := newFake("people")
		n := 0
		for range 20 {
			f := &fakeSession{d: d, a: a}
			g := target("people")
			g.Verify, g.Sample = day, 0.05
			s := watch(t, Options{}, []Target{g}, f)
			rest(12 * time.Hour)
			n += len(f.upkeep.verified)
			for _, share := range f.upkeep.shares {
				if share != 0.05 {
					t.Errorf("a share of %v was read", share)
				}
			}
			if err := s.stop(); err != nil {
				t.Error(err)
			}
		}
		if n < 9 || n > 11 {
			t.Errorf("%d samples in ten days", n)
		}
	})
}

// What is due comes at the target's own minute, what was missed, too; after a failure it comes within a
// quarter of the time, but not too soon.
func TestProvingDueAt(t *testing.T) {
	began := monday
	for name, c := range map[string]struct {
		last     time.Time
		every    time.Duration
		from, to time.Duration // after began
	}{
		"never":                  {time.Time{}, 0, -1, -1},
		"the first one":          {time.Time{}, 7 * day, 0, time.Hour},
		"missed":                 {began.Add(-30 * day), 7 * day, 0, time.Hour},
		"missed by a moment":     {began.Add(-7*day - time.Minute), 7 * day, 0, time.Hour},
		"a week after the last":  {began.Add(-day), 7 * day, 6*day - 30*time.Minute, 6*day + 30*time.Minute},
		"a clock was wrong":      {began.Add(300 * day), 7 * day, 0, time.Hour},
		"often, at once":         {began.Add(-time.Hour), time.Minute, 0, 0},
		"often, after the last":  {began.Add(time.Hour), time.Minute, 61 * time.Minute, 61 * time.Minute},
		"after a failed one":     {began, drillAgainAfter(4 * day), day - 30*time.Minute, day + 30*time.Minute},
		"after a failed one, 1h": {began, drillAgainAfter(time.Hour), time.Hour, time.Hour},
	} {
		at := provingDueAt(c.last, began, began, c.every, key)
		if c.every == 0 {
			if !at.IsZero() {
				t.Errorf("%s: %s", name, at)
			}
			continue
		}
		after, minute := at.Sub(began), at.Add(-spread(key, time.Hour))
		if after < c.from || after > c.to || c.every >= 2*time.Hour && !minute.Equal(minute.Truncate(time.Hour)) {
			t.Errorf("%s: after %s, at %s", name, after, at)
		}
	}
}
