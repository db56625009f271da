package watch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// For a day, nothing happens to one database or to 400: no archive is asked anything, and each
// store once an hour.
func TestIdleCostsNothing(t *testing.T) {
	many := 400
	if testing.Short() {
		many = 40
	}
	for _, n := range []int{1, many} {
		for _, check := range []time.Duration{-1, time.Hour} {
			if n > 1 && check < 0 {
				continue
			}
			t.Run(fmt.Sprintf("%d databases, check %s", n, check), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var targets []Target
					var sessions []*fakeSession
					for i := range n {
						_, _, f := newFake(fmt.Sprint(i))
						sessions = append(sessions, f)
						g := target(f.d.path)
						g.Full = FullRules{Every: time.Hour, AfterIncrements: 1}
						targets = append(targets, g)
					}
					s := watch(t, Options{StoreCheck: check}, targets, sessions...)
					rest(5 * time.Minute)
					asked := func() (n int64) {
						for _, f := range sessions {
							n += f.a.total()
						}
						return n
					}
					before := asked()
					rest(24 * time.Hour)
					want := int64(0)
					if check > 0 {
						want = 24
					}
					if got := asked() - before; got > want || got < want-1 {
						t.Errorf("%d requests in a day, and not %d", got, want)
					}
					for _, g := range s.w.State().Targets {
						if g.Phase != PhaseClean {
							t.Fatalf("%s is %s", g.Target.Name, g.Phase)
						}
					}
					if err := s.stop(); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

// A database that commits each second, with a lag of 10 s, costs three requests in 10 s, and
// no commit gets older than the lag and what a run takes.
func TestAnHourOfCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		s := watch(t, Options{}, []Target{target("people")}, f)
		rest(time.Minute)
		before := a.total()
		for range 3600 {
			rest(time.Second)
			d.commit()
		}
		if n := a.total() - before; n > 1080 || n < 900 {
			t.Errorf("%d requests in an hour", n)
		}
		if limit := 10*time.Second + pause + 4*a.latency; a.worst > limit {
			t.Errorf("a commit was %s old", a.worst)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		if a.saved != len(d.commits) {
			t.Errorf("%d of %d commits are saved", a.saved, len(d.commits))
		}
		if k := a.kinds(); k[archiver.KindFull] != 1 {
			t.Errorf("%v", k)
		}
	})
}

// Whatever the rate of commits is, no commit gets much older than the lag, and no more is
// asked than three requests for each.
func TestLagIsKept(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				d, a, f := newFake("people")
				if seed%2 == 1 {
					d.generation = "0.5"
				}
				a.latency = time.Duration(1+r.IntN(200)) * time.Millisecond
				g := target("people")
				g.Lag = time.Duration(1+r.IntN(20)) * time.Second
				s := watch(t, Options{}, []Target{g}, f)
				rest(time.Minute)
				before, began := a.total(), time.Now()
				for time.Since(began) < time.Hour {
					rest(time.Duration(r.ExpFloat64() * float64([]time.Duration{10 * time.Millisecond, time.Second, 20 * time.Second}[r.IntN(3)])))
					d.commit()
				}
				most := 3 * int64(time.Since(began)/g.Lag+1)
				if n := a.total() - before; n > most {
					t.Errorf("%d requests, and not %d at most", n, most)
				}
				if err := s.stop(); err != nil {
					t.Error(err)
				}
				if a.saved != len(d.commits) {
					t.Errorf("%d of %d commits are saved", a.saved, len(d.commits))
				}
				slices.Sort(a.ages)
				run := 4 * a.latency
				if p99 := a.ages[len(a.ages)*99/100]; p99 > g.Lag+run+2*pause || a.worst > 2*g.Lag+run {
					t.Errorf("lag %s, request %s: p99 %s, worst %s", g.Lag, a.latency, p99, a.worst)
				}
			})
		})
	}
}

// A database that rests after a commit is looked at seldom.
func TestRestingIsNotReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _, f := newFake("people")
		s := watch(t, Options{}, []Target{target("people")}, f)
		rest(time.Minute)
		d.commit()
		rest(time.Minute)
		before := d.looks
		rest(time.Hour)
		if n := d.looks - before; n < 18 || n > 21 {
			t.Errorf("%d looks in an hour", n)
		}
		_ = s.stop()
	})
}
