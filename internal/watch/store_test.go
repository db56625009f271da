package watch

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// The store is away for six hours. All databases wait, few requests try, and when it is back,
// each has all its commits in its archive soon.
func TestStoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 50
		var targets []Target
		var sessions []*fakeSession
		for i := range n {
			_, _, f := newFake(fmt.Sprint(i))
			sessions, targets = append(sessions, f), append(targets, target(f.d.path))
		}
		s := watch(t, Options{}, targets, sessions...)
		rest(time.Minute)
		asked := func() (n int64) {
			for _, f := range sessions {
				n += f.a.total()
			}
			return n
		}
		for _, f := range sessions {
			f.a.setAway(storeAway)
		}
		before := asked()
		for range 6 * 60 {
			rest(time.Minute)
			for _, f := range sessions {
				f.d.commit()
			}
		}
		// Full jitter up to 5 min: about 150 tries, and those that were under way.
		if got := asked() - before; got > 2*6*60+n {
			t.Errorf("%d requests while the store is away", got)
		}
		state := s.w.State()
		for _, g := range state.Targets {
			if g.Phase != PhaseWaiting || time.Since(g.UnsavedSince) < 5*time.Hour || g.UnsavedCommits < 300 {
				t.Fatalf("%s is %s, unsaved since %s: %d commits", g.Target.Name, g.Phase, g.UnsavedSince, g.UnsavedCommits)
			}
		}
		if st := state.Stores[0]; st.Up || st.Why == "" || st.NextTry.IsZero() {
			t.Errorf("%+v", st)
		}
		if stuck := state.Stuck(time.Now()); len(stuck) != 0 {
			t.Errorf("%v", stuck)
		}
		if n := s.count(EventStore); n != 1 {
			t.Errorf("it was told %d times", n)
		}
		for _, f := range sessions {
			f.a.setAway(nil)
		}
		rest(longestWait + time.Minute)
		for _, f := range sessions {
			if f.a.saved != len(f.d.commits) || f.a.kinds()[archiver.KindFull] != 1 {
				t.Errorf("%d of %d commits, %v", f.a.saved, len(f.d.commits), f.a.kinds())
			}
		}
		if !s.w.State().Stores[0].Up || s.count(EventStore) != 2 {
			t.Error("it is not said that the store is back")
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

// What one store does is nothing to the databases of another one.
func TestOneStoreOfTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, near := newFake("near")
		_, _, far := newFake("far")
		g := target("far")
		g.Store = "elsewhere"
		far.a.setAway(storeAway)
		s := watch(t, Options{}, []Target{target("near"), g}, near, far)
		for range 60 {
			rest(time.Second)
			near.d.commit()
			far.d.commit()
		}
		rest(20 * time.Second)
		if near.a.saved != 60 || far.a.saved != 0 {
			t.Errorf("%d and %d", near.a.saved, far.a.saved)
		}
		if err := s.stop(); err == nil {
			t.Error("not everything is stored, and nothing says so")
		}
	})
}

// A commit without an answer is followed by another try, which reads the archive first.
func TestUnknownOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		s := watch(t, Options{}, []Target{target("people")}, f)
		rest(time.Minute)
		a.setAway(&archiver.Error{Code: archiver.CodeUnknownOutcome, Err: errors.New("no answer")})
		d.commit()
		rest(15 * time.Second)
		s.is(PhaseWaiting)
		a.setAway(nil)
		rest(longestWait)
		s.is(PhaseClean)
		if c := s.only().Counts; a.saved != 1 || c.Failures[archiver.CodeUnknownOutcome] == 0 {
			t.Errorf("%d saved, %v", a.saved, c.Failures)
		}
		_ = s.stop()
	})
}

// A refused database is tried each five minutes, at a reload and when it is told to, and is
// backed up when that works.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		a.setAway(&archiver.Error{Code: archiver.CodePermission, Err: errors.New("403")})
		s := watch(t, Options{}, []Target{target("people")}, f)
		rest(time.Second)
		s.is(PhaseRefused)
		before := a.total()
		for range 60 {
			d.commit()
			rest(time.Minute)
		}
		if n := a.total() - before; n < 10 || n > 13 {
			t.Errorf("%d requests in an hour", n)
		}
		if n := s.count(EventFailed); n != 1 {
			t.Errorf("it was told %d times", n)
		}
		a.setAway(nil)
		s.w.Nudge()
		rest(time.Second)
		s.is(PhaseClean)
		if a.saved != 60 {
			t.Errorf("%d are saved", a.saved)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

// A database that is gone, or cannot be read, is backed up soon after it is back.
func TestDatabaseComesAndGoes(t *testing.T) {
	for code, phase := range map[archiver.Code]Phase{
		archiver.CodeNotFound: PhaseGone, archiver.CodeNotDatabase: PhaseRefused, archiver.CodePermission: PhaseRefused,
		archiver.CodeFailed: PhaseRefused, // nobody knows what it is
	} {
		synctest.Test(t, func(t *testing.T) {
			d, a, f := newFake("people")
			d.broken = &archiver.Error{Code: code, Err: errors.New(string(code))}
			s := watch(t, Options{}, []Target{target("people")}, f)
			rest(time.Hour)
			s.is(phase)
			if n := a.total(); n != 0 {
				t.Errorf("%d requests for nothing", n)
			}
			if state := s.w.State(); !state.HasLooked() {
				t.Error("it has looked")
			}
			d.set(func(d *fakeDatabase) { d.broken = nil })
			d.commit()
			rest(15 * time.Second)
			s.is(PhaseClean)
			if a.saved != 1 {
				t.Errorf("%d saved", a.saved)
			}
			if err := s.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// After hours without a store, much log is unsaved. It is not read all the time.
func TestLooksAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		d.slow = time.Millisecond
		s := watch(t, Options{}, []Target{target("people")}, f)
		rest(time.Minute)
		a.setAway(storeAway)
		for range 3 * 3600 {
			rest(time.Second)
			d.commit()
		}
		before := d.looks
		for range 3600 { // with 10 s for each look
			rest(time.Second)
			d.commit()
		}
		if n := d.looks - before; n > 3600/200+3+60 { // and one with each try
			t.Errorf("%d looks in an hour", n)
		}
		a.setAway(nil)
		rest(longestWait + 5*time.Minute)
		if a.saved != len(d.commits) {
			t.Errorf("%d of %d are saved", a.saved, len(d.commits))
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

// A store that answers what tries it, and takes no backup, is tried less and less often, like
// one that does not answer.
func TestStoreThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, f := newFake("people")
		f.noPut = true
		s := watch(t, Options{}, []Target{target("people")}, f)
		rest(time.Hour)
		if n, told := a.total(), s.count(EventStore); n > 500 || told > 200 {
			t.Errorf("%d requests and %d times news in an hour", n, told)
		}
		f.noPut = false
		rest(longestWait + time.Minute)
		s.is(PhaseClean)
		rest(longestWait)
		f.noPut = true // after a long time it is new
		f.d.commit()
		rest(DefaultLag + time.Second)
		f.noPut = false
		rest(DefaultLag + 2*time.Second)
		s.is(PhaseClean)
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}
