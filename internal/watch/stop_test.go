package watch

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// What is unsaved when the watcher stops is backed up once more, before the lag is over.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		s := watch(t, Options{}, []Target{target("people")}, f)
		rest(time.Minute)
		d.commit()
		rest(time.Second)
		s.is(PhaseDirty)
		began := time.Now()
		if err := s.stop(); err != nil || a.saved != 1 || time.Since(began) > time.Second || !f.closed {
			t.Errorf("%v, %d saved after %s, closed %v", err, a.saved, time.Since(began), f.closed)
		}
		if s.count(EventStopped) != 1 {
			t.Error("nothing is said")
		}
	})
}

// A watcher that stops while nothing is unsaved asks no store.
func TestStopClean(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, f := newFake("people")
		s := watch(t, Options{}, []Target{target("people")}, f)
		rest(time.Minute)
		before := a.total()
		if err := s.stop(); err != nil || a.total() != before {
			t.Errorf("%v, %d requests", err, a.total()-before)
		}
	})
}

// What cannot be saved within the time of a flush is named.
func TestStopNamesWhatIsUnsaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, slow, slowly := newFake("slow")
		_, _, well := newFake("well")
		s := watch(t, Options{Flush: 20 * time.Second}, []Target{target("slow"), target("well")}, slowly, well)
		rest(time.Minute)
		slow.setAway(storeAway)
		slowly.d.commit()
		well.d.commit()
		rest(time.Second)
		err := s.stop()
		unsaved, ok := errors.AsType[*UnsavedError](err)
		if !ok || !slices.Equal(unsaved.Targets, []Key{target("slow").Key()}) {
			t.Errorf("%v", err)
		}
		if well.a.saved != 1 {
			t.Error("the other one is not saved")
		}
	})
}

// The disk of one database hangs. That shows, the others go on, and the watcher stops
// nevertheless.
func TestHungDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, hung := newFake("hung")
		_, _, well := newFake("well")
		s := watch(t, Options{}, []Target{target("hung"), target("well")}, hung, well)
		rest(time.Minute)
		release := make(chan struct{})
		hung.d.set(func(d *fakeDatabase) { d.hang = release })
		for range 60 {
			hung.d.commit()
			well.d.commit()
			rest(5 * time.Second)
		}
		rest(15 * time.Second)
		state := s.w.State()
		if stuck := state.Stuck(time.Now()); !slices.Equal(stuck, []Key{target("hung").Key()}) {
			t.Errorf("stuck: %v", stuck)
		}
		if well.a.saved != 60 {
			t.Errorf("the other one has %d", well.a.saved)
		}
		began := time.Now()
		s.cancel()
		err := <-s.stopped
		if unsaved, ok := errors.AsType[*UnsavedError](err); !ok || !slices.Equal(unsaved.Targets, []Key{target("hung").Key()}) {
			t.Errorf("%v", err)
		}
		if took := time.Since(began); took > DefaultFlush+closeTime+2*time.Second {
			t.Errorf("it took %s", took)
		}
		close(release)
		rest(time.Minute)
	})
}

// A reload leaves what is equal alone, changes settings in place, and ends what is left out
// after it is saved.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, stays := newFake("stays")
		_, _, changes := newFake("changes")
		_, _, leaves := newFake("leaves")
		_, _, comes := newFake("comes")
		s := watch(t, Options{}, []Target{target("stays"), target("changes"), target("leaves")}, stays, changes, leaves, comes)
		rest(time.Minute)
		asked := stays.a.total()
		leaves.d.commit()
		g := target("changes")
		g.Lag = time.Minute
		if err := s.w.Set([]Target{target("stays"), g, target("comes")}); err != nil {
			t.Fatal(err)
		}
		comes.d.commit()
		changes.d.commit()
		rest(30 * time.Second)
		if changes.a.saved != 0 || leaves.a.saved != 1 || comes.a.saved != 1 || !leaves.closed || changes.closed {
			t.Errorf("%d, %d, %d", changes.a.saved, leaves.a.saved, comes.a.saved)
		}
		if stays.a.total() != asked || stays.closed {
			t.Error("what is equal was touched")
		}
		rest(time.Minute)
		if changes.a.saved != 1 || len(s.w.State().Targets) != 3 {
			t.Errorf("%d", changes.a.saved)
		}
		before := len(s.w.State().Targets)
		if err := s.w.Set([]Target{target("stays"), target("stays")}); err == nil || len(s.w.State().Targets) != before {
			t.Errorf("%v", err)
		}
		if err := s.w.Set([]Target{target("unknown")}); err == nil || len(s.w.State().Targets) != before {
			t.Errorf("%v", err)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

// What was removed and could not be saved then is named at the end, unless it is watched again.
func TestStopAfterRemoval(t *testing.T) {
	for _, comesBack := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d, a, f := newFake("people")
			_, _, other := newFake("other")
			s := watch(t, Options{}, []Target{target("people"), target("other")}, f, other)
			set := func(targets ...Target) {
				if err := s.w.Set(targets); err != nil {
					t.Fatal(err)
				}
				rest(time.Minute)
			}
			rest(time.Minute)
			a.setAway(storeAway)
			d.commit()
			set(target("other"))
			set()
			if comesBack {
				a.setAway(nil)
				set(target("people"))
			}
			err := s.stop()
			if unsaved, ok := errors.AsType[*UnsavedError](err); ok == comesBack || ok && !slices.Equal(unsaved.Targets, []Key{target("people").Key()}) {
				t.Errorf("it comes back, %v: %v", comesBack, err)
			}
		})
	}
}

// A watcher may be told to back up at once.
func TestNudge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		g := target("people")
		g.Lag = time.Hour
		s := watch(t, Options{}, []Target{g}, f)
		rest(time.Minute)
		d.commit()
		s.w.Nudge()
		rest(time.Second)
		if a.saved != 1 {
			t.Errorf("%d saved", a.saved)
		}
		_ = s.stop()
	})
}

// What is committed while a backup runs is not in it, and the nudge is for that, too.
func TestNudgeDuringABackup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		g := target("people")
		g.Lag = time.Hour
		s := watch(t, Options{}, []Target{g}, f)
		rest(time.Minute)
		a.latency = time.Second
		d.commit()
		s.w.Nudge()
		rest(2500 * time.Millisecond)
		s.is(PhaseRunning)
		d.commit()
		s.w.Nudge()
		rest(10 * time.Second)
		if a.saved != 2 {
			t.Errorf("%d saved", a.saved)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

// Of two reloads right after each other, the second one counts.
func TestReloadTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		s := watch(t, Options{}, []Target{target("people")}, f)
		rest(time.Minute)
		g := target("people")
		g.Lag = time.Hour
		for _, to := range []Target{g, target("people")} {
			if err := s.w.Set([]Target{to}); err != nil {
				t.Fatal(err)
			}
		}
		d.commit()
		rest(time.Minute)
		if a.saved != 1 {
			t.Error("the settings of the first reload count")
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

// Once backs up each database once, and says what came of it.
func TestOnce(t *testing.T) {
	d, a, f := newFake("people")
	d.commits = append(d.commits, time.Now())
	_, b, bad := newFake("worse")
	b.setAway(storeAway)
	w := New(Options{Open: func(g Target) (Archive, error) { return map[string]Archive{"people": f, "worse": bad}[g.Name], nil }})
	if err := w.Set([]Target{target("worse"), target("people")}); err != nil {
		t.Fatal(err)
	}
	r := w.Once(t.Context())
	if len(r) != 2 || r[0].Err != nil || r[0].Report.Backup.Kind != archiver.KindFull || !errors.Is(r[1].Err, archiver.ErrStore) {
		t.Errorf("%+v", r)
	}
	if a.saved != 1 || !f.closed || !bad.closed {
		t.Error("it is not done")
	}
}

// What is known of an archive that was refused since is not worth an exit of success.
func TestStopAfterArchiveVanished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, f := newFake("people")
		g := target("people")
		g.Prove = time.Minute
		s := watch(t, Options{}, []Target{g}, f)
		rest(30 * time.Second)
		a.setAway(&archiver.Error{Code: archiver.CodeVanished, Err: errors.New("it was emptied")})
		rest(2 * time.Minute)
		s.is(PhaseRefused)
		if _, ok := errors.AsType[*UnsavedError](s.stop()); !ok {
			t.Error("everything seems to be stored, in an archive that is not there")
		}
	})
}

// A database that goes with commits that are nowhere else is not saved.
func TestStopAfterDatabaseIsGone(t *testing.T) {
	for _, isUnsaved := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d, _, f := newFake("people")
			s := watch(t, Options{}, []Target{target("people")}, f)
			rest(time.Minute)
			if isUnsaved {
				d.commit()
				rest(time.Second)
				s.is(PhaseDirty)
			}
			d.set(func(d *fakeDatabase) {
				d.broken = &archiver.Error{Code: archiver.CodeNotFound, Err: errors.New("it is gone")}
			})
			d.changed()
			rest(3 * time.Second)
			s.is(PhaseGone)
			if err := s.stop(); (err != nil) != isUnsaved {
				t.Errorf("with something unsaved, %v: %v", isUnsaved, err)
			}
		})
	}
}
