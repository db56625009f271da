package watch

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// two watches one database with two watchers, for so long, with a commit each second. It
// returns how many requests that took.
func two(t *testing.T, over time.Duration) (requests int64, d *fakeDatabase, a *fakeArchive) {
	d, a, f := newFake("people")
	g := &fakeSession{d: d, a: a}
	one := watch(t, Options{}, []Target{target("people")}, f)
	rest(30 * time.Second)
	other := watch(t, Options{}, []Target{target("people")}, g)
	rest(30 * time.Second)
	before := a.total()
	for range over / time.Second {
		rest(time.Second)
		d.commit()
	}
	requests = a.total() - before
	if one.count(EventWriter)+other.count(EventWriter) == 0 {
		t.Error("neither says that there is another one")
	}
	for _, s := range []*scene{one, other} {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}
	return requests, d, a
}

// Two watchers share an archive: everything is there, for little more than one of them costs,
// and without a full backup.
func TestTwoWatchers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests, d, a := two(t, time.Hour)
		if most := int64(1080) * 13 / 10; requests > most {
			t.Errorf("%d requests, and not %d at most", requests, most)
		}
		if a.saved != len(d.commits) || a.kinds()[archiver.KindFull] != 1 {
			t.Errorf("%d of %d, %v", a.saved, len(d.commits), a.kinds())
		}
		if a.worst > 20*time.Second {
			t.Errorf("a commit was %s old", a.worst)
		}
	})
}

// When the watcher that leads stops, the other one takes over.
func TestSecondWatcherTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		g := &fakeSession{d: d, a: a}
		one := watch(t, Options{}, []Target{target("people")}, f)
		rest(30 * time.Second)
		other := watch(t, Options{}, []Target{target("people")}, g)
		for range 600 {
			rest(time.Second)
			d.commit()
		}
		if err := one.stop(); err != nil {
			t.Fatal(err)
		}
		a.worst = 0
		for range 600 {
			rest(time.Second)
			d.commit()
		}
		if limit := (mostYield + 2) * DefaultLag; a.worst > limit {
			t.Errorf("a commit was %s old", a.worst)
		}
		rest(time.Minute)
		if a.saved != len(d.commits) {
			t.Errorf("%d of %d", a.saved, len(d.commits))
		}
		if err := other.stop(); err != nil {
			t.Error(err)
		}
	})
}

// A backup by hand beside the watcher costs it one round.
func TestBackupByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		hand := &fakeSession{d: d, a: a}
		s := watch(t, Options{}, []Target{target("people")}, f)
		rest(30 * time.Second)
		for i := range 600 {
			rest(time.Second)
			d.commit()
			if i%60 == 30 {
				hand.fresh = false
				if _, err := hand.Backup(t.Context(), archiver.SessionBackup{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if limit := 2*DefaultLag + time.Second; a.worst > limit {
			t.Errorf("a commit was %s old", a.worst)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		if a.saved != len(d.commits) || a.kinds()[archiver.KindFull] != 1 {
			t.Errorf("%d of %d, %v", a.saved, len(d.commits), a.kinds())
		}
	})
}

// That the end of the archive could not be read is over when it can be read again.
func TestRereadIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		hand := &fakeSession{d: d, a: a}
		s := watch(t, Options{}, []Target{target("people")}, f)
		rest(30 * time.Second)
		for s.count(EventWriter) == 0 {
			rest(time.Second)
			d.commit()
			hand.fresh = false
			if _, err := hand.Backup(t.Context(), archiver.SessionBackup{}); err != nil {
				t.Fatal(err)
			}
		}
		a.setAway(&archiver.Error{Code: archiver.CodePermission, Err: errors.New("403")})
		d.commit()
		rest(time.Minute)
		s.is(PhaseRefused)
		a.setAway(nil)
		before := a.total()
		rest(10 * time.Minute)
		s.is(PhaseClean)
		if n := a.total() - before; n > 20 {
			t.Errorf("%d requests", n)
		}
		if err := s.stop(); err != nil || a.saved != len(d.commits) {
			t.Errorf("%v, %d of %d are saved", err, a.saved, len(d.commits))
		}
	})
}

// Of two watchers, one takes the planned full backup.
func TestOneOfTwoTakesTheFullBackup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		g := target("people")
		g.Full.Every = day
		one := watch(t, Options{}, []Target{g}, f)
		time.Sleep(30 * time.Second)
		other := watch(t, Options{}, []Target{g}, &fakeSession{d: d, a: a})
		for range 4 * day / (5 * time.Second) {
			time.Sleep(5 * time.Second)
			d.commit()
		}
		if n := a.kinds()[archiver.KindFull]; n < 4 || n > 5 { // the first one, and one a day
			t.Errorf("%d full backups in 4 days", n)
		}
		for _, s := range []*scene{one, other} {
			if err := s.stop(); err != nil {
				t.Error(err)
			}
		}
	})
}
