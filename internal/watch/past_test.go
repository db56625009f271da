package watch

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/history"
)

// ofArchive is the history of all backups of an archive.
func (a *fakeArchive) ofArchive() *history.History {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := &history.History{}
	for i := range a.backups {
		h = h.With(&a.backups[i])
	}
	return h
}

func (s *fakeSession) historiesRead() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.upkeep.histories
}

// The history is read once and then kept up with each backup, also with those that were committed
// while it was read. A page that asks for it asks no archive.
func TestHistoryIsReadOnceAndKeptUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		f.upkeep.historyTime = time.Minute
		s := watch(t, Options{History: true}, []Target{target("people")}, f)
		for range 50 {
			d.commit()
			rest(20 * time.Second)
		}
		rest(time.Minute)
		if n := f.historiesRead(); n != 1 {
			t.Errorf("it was read %d times", n)
		}
		if diff := cmp.Diff(a.ofArchive(), s.w.State().Targets[0].History); diff != "" {
			t.Errorf("what is shown is not what the archive has: %s", diff)
		}
		before := a.total()
		for range 1000 {
			s.w.State()
		}
		rest(30 * time.Minute)
		if n := a.total() - before; n > 1 { // one asks whether the store answers
			t.Errorf("%d requests of a database at rest", n)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

// Nobody looks at pages: nothing is read for them.
func TestHistoryIsNotReadForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _, f := newFake("people")
		s := watch(t, Options{}, []Target{target("people")}, f)
		d.commit()
		rest(time.Hour)
		if n := f.historiesRead(); n != 0 || s.w.State().Targets[0].History != nil {
			t.Errorf("it was read %d times", n)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

// What others commit shows, too, and costs at most a reading in ten minutes.
func TestHistoryOfTwoWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		s := watch(t, Options{History: true}, []Target{target("people")}, f)
		rest(time.Minute)
		for range 60 {
			a.mu.Lock()
			n := a.backups[len(a.backups)-1]
			n.Seq, n.Kind, n.CreatedAt = n.Seq+1, archiver.KindIncremental, time.Now()
			a.backups = append(a.backups, n)
			a.mu.Unlock()
			f.mu.Lock()
			f.tip, f.newest = n.Seq, n
			f.mu.Unlock()
			d.commit()
			rest(time.Minute)
		}
		rest(15 * time.Minute)
		if n := f.historiesRead(); n < 2 || n > 8 {
			t.Errorf("it was read %d times in 75 minutes", n)
		}
		if diff := cmp.Diff(a.ofArchive(), s.w.State().Targets[0].History); diff != "" {
			t.Errorf("what is shown is not what the archive has: %s", diff)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

func (s *fakeSession) proofsRead() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.upkeep.proofs
}

// For pages it is also read, once a day, what others have proved. That this cannot be read is no news.
func TestProofIsReadForPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _, f := newFake("people")
		s := watch(t, Options{History: true}, []Target{target("people")}, f)
		d.commit()
		rest(50 * time.Hour)
		if n := f.proofsRead(); n != 3 || s.w.State().Targets[0].Proof.At.IsZero() {
			t.Errorf("in 50 h it was read %d times", n)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

// For whoever calls archives safe, each of them is asked, also one whose database rests while the same
// store answers for another one all the time, and one whose commits wait for a lag of a day; never, if nobody
// is to ask. One that was removed is noticed as soon, and asking takes no request from backups.
func TestEachArchiveIsAsked(t *testing.T) {
	for _, check := range []time.Duration{time.Hour, -1} {
		synctest.Test(t, func(t *testing.T) {
			busy, _, one := newFake("busy")
			_, resting, other := newFake("rests")
			slow, _, third := newFake("slow")
			few, _, fourth := newFake("few")
			targets := []Target{target("busy"), target("rests"), target("slow"), target("few")}
			targets[2].Lag = 24 * time.Hour
			targets[3].MaxRequests = Rate{N: 24, Per: day} // for 8 backups a day
			const each = 15 * time.Minute
			s := watch(t, Options{AskEach: each, StoreCheck: check}, targets, one, other, third, fourth)
			asked := map[string]time.Duration{}
			for range 4 * 50 {
				busy.commit()
				few.commit()
				slow.commit()
				rest(each)
				for _, g := range s.w.State().Targets {
					asked[g.Target.Name] = max(asked[g.Target.Name], time.Since(g.LastAsked))
				}
			}
			for _, name := range []string{"rests", "slow"} {
				if isAsked := asked[name] <= each+time.Second; isAsked != (check > 0) {
					t.Errorf("check %s: %s was not asked for %s", check, name, asked[name])
				}
			}
			if n := s.w.State().Targets[1].Counts.Backups[archiver.KindIncremental]; n < 15 {
				t.Errorf("check %s: %d backups where requests are bounded", check, n)
			}
			resting.setAway(&archiver.Error{Code: archiver.CodeVanished, Err: errors.New("it was emptied")})
			rest(each)
			if g := s.w.State().Targets[2]; (g.Phase == PhaseRefused) != (check > 0) {
				t.Errorf("check %s: without its archive, %s is %s", check, g.Target.Name, g.Phase)
			}
			_ = s.stop()
		})
	}
}

// Who wants proof more often than that gets it, and who wants it less often does not keep others from asking.
func TestProveAndAsk(t *testing.T) {
	for prove, want := range map[time.Duration]time.Duration{time.Minute: time.Minute, day: 15 * time.Minute, 0: 15 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			_, _, f := newFake("people")
			g := target("people")
			g.Prove = prove
			s := watch(t, Options{AskEach: 15 * time.Minute}, []Target{g}, f)
			rest(30 * time.Second)
			for range 200 {
				rest(30 * time.Second)
				if age := time.Since(s.only().LastSafe); age > want+time.Second {
					t.Fatalf("each %s: the last proof is %s old", prove, age)
				}
			}
			_ = s.stop()
		})
	}
}
