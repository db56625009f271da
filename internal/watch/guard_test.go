package watch

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// guarded watches one database on a disk of 1,000 MiB, of which free bytes are free, with a
// minimum of 5 %.
func guarded(t *testing.T, free *atomic.Int64) (*scene, *fakeSession) {
	_, _, f := newFake("people")
	g := target("people")
	g.MinFree = Size{Percent: 5}
	space := func(string) (disk.Space, bool) {
		return disk.Space{ForAnyone: free.Load(), Total: 1000 << 20}, free.Load() > 0
	}
	return watch(t, Options{space: space}, []Target{g}, f), f
}

// The hold is given up when the disk is nearly full while the store is away, once, and taken
// again when there is room and the store answers.
func TestGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var free atomic.Int64
		free.Store(500 << 20)
		s, f := guarded(t, &free)
		f.d.set(func(d *fakeDatabase) { d.bytes = 20 << 20 })
		rest(time.Minute)
		f.a.setAway(storeAway)
		f.d.commit()
		for range 20 {
			rest(time.Minute)
			free.Add(-20 << 20)
			f.d.commit()
		}
		if f.givenUp != 0 {
			t.Fatal("there is room")
		}
		if s.count(EventDisk) == 0 {
			t.Error("nothing warns that the disk fills")
		}
		if g := s.only(); g.Disk.FullAt.IsZero() || time.Until(g.Disk.FullAt) > 10*time.Minute {
			t.Errorf("%+v", g.Disk)
		}
		free.Store(0)
		rest(time.Hour)
		if g := s.only(); f.givenUp != 1 || !g.Disk.GivenUp || g.Counts.GivenUp != 1 || s.count(EventGaveUp) != 1 {
			t.Fatalf("%d, %+v", f.givenUp, g)
		}
		free.Store(55 << 20) // above 5 %, and below 6 %
		f.a.setAway(nil)
		rest(longestWait + time.Minute)
		if f.a.saved != len(f.d.commits) || !s.only().Disk.GivenUp || f.held {
			t.Errorf("%d saved, held %v", f.a.saved, f.held)
		}
		free.Store(61 << 20)
		rest(guardEvery)
		f.d.commit()
		rest(time.Minute)
		if s.only().Disk.GivenUp || !f.held {
			t.Error("the hold is not taken again")
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

// A watcher that begins while the store is away gives the hold up, too.
func TestGuardWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var free atomic.Int64
		free.Store(1 << 20)
		s, f := guarded(t, &free)
		f.d.set(func(d *fakeDatabase) { d.heldBefore = 1 << 20 })
		f.a.setAway(storeAway)
		rest(time.Hour)
		if f.givenUp != 1 {
			t.Errorf("the hold is given up %d times", f.givenUp)
		}
		_ = s.stop()
	})
}

// A full disk alone gives nothing up while the store answers, nor does a store that is away
// while there is room, or where nothing has to stay free.
func TestGuardKeeps(t *testing.T) {
	for name, c := range map[string]struct {
		free   int64
		isAway bool
		min    Size
	}{
		"the store answers":       {1 << 20, false, Size{Percent: 5}},
		"there is room":           {51 << 20, true, Size{Percent: 5}},
		"nothing has to be free":  {1 << 20, true, Size{}},
		"room by number of bytes": {51 << 20, true, Size{Bytes: 50 << 20}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var free atomic.Int64
				free.Store(c.free)
				s, f := guarded(t, &free)
				g := target("people")
				g.MinFree = c.min
				if err := s.w.Set([]Target{g}); err != nil {
					t.Fatal(err)
				}
				rest(time.Minute)
				if c.isAway {
					f.a.setAway(storeAway)
				}
				for range 60 {
					f.d.commit()
					rest(time.Minute)
				}
				if f.givenUp != 0 {
					t.Error("the hold is given up")
				}
				_ = s.stop()
			})
		})
	}
}

// A disk that others fill, or that does not fill, is no reason to warn.
func TestGuardIsCalm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var free atomic.Int64
		free.Store(500 << 20)
		s, f := guarded(t, &free)
		for range 100 {
			rest(time.Minute)
			free.Add(-1 << 20)
			f.d.commit()
		}
		if s.count(EventDisk) != 0 {
			t.Error("it warns although everything is stored")
		}
		_ = s.stop()
	})
}

// An attempt that waits half a minute for the store does not hold up the giving up.
func TestGuardWhileTheStoreIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var free atomic.Int64
		free.Store(500 << 20)
		s, f := guarded(t, &free)
		rest(time.Minute)
		f.a.setAway(storeAway)
		f.hangs = true
		f.d.commit()
		for s.only().Doing.Run != doCheck {
			rest(time.Second)
		}
		free.Store(40 << 20)
		rest(guardEvery + time.Second)
		if f.givenUp != 1 || s.count(EventGaveUp) != 1 {
			t.Errorf("the hold is given up %d times", f.givenUp)
		}
		f.hangs = false
		f.a.setAway(nil)
		_ = s.stop()
	})
}

// If the hold cannot be given up, a store that is slow to answer is still seen to be back.
func TestGuardOfAHoldThatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var free atomic.Int64
		free.Store(500 << 20)
		s, f := guarded(t, &free)
		rest(time.Minute)
		f.a.setAway(storeAway)
		f.isKept = true
		f.d.commit()
		free.Store(40 << 20)
		rest(10 * time.Minute)
		f.slow = 2 * guardEvery
		f.a.setAway(nil)
		rest(10 * time.Minute)
		if g := s.only(); g.Phase != PhaseClean || f.givenUp != 0 {
			t.Errorf("%+v", g)
		}
		_ = s.stop()
	})
}
