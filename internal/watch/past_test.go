package watch

import (
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

// For pages each archive is asked once a day, also one whose database rests while the same store answers
// for another one all the time; never, if nobody is to ask.
func TestEachArchiveIsAskedForPages(t *testing.T) {
	for _, check := range []time.Duration{time.Hour, -1} {
		synctest.Test(t, func(t *testing.T) {
			busy, _, one := newFake("busy")
			_, _, other := newFake("rests")
			s := watch(t, Options{History: true, StoreCheck: check}, []Target{target("busy"), target("rests")}, one, other)
			for range 4 * 50 {
				busy.commit()
				rest(15 * time.Minute)
			}
			rests := s.w.State().Targets[1]
			if isAsked := time.Since(rests.LastSafe) <= 25*time.Hour; isAsked != (check > 0) {
				t.Errorf("check %s: %s was last asked %s ago", check, rests.Target.Name, time.Since(rests.LastSafe))
			}
			if err := s.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}
