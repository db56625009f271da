package watch

import (
	"math/rand/v2"
	"sync"
	"time"
)

// The waits between requests that try a store which is away: each is drawn from 1 s up to a
// bound that doubles from shortestWait to longestWait.
const (
	shortestWait = time.Second
	longestWait  = 5 * time.Minute
)

// store is the breaker of one store, shared by its targets. While the store is away, one
// request at a time tries for all of them.
type store struct {
	name string

	mu       sync.Mutex
	away     bool
	since    time.Time // when away last changed
	answer   time.Time // the last one
	why      string
	failures int       // in a row, but for short times in which it answered
	next     time.Time // when somebody may try
	trying   bool      // somebody does
	checking time.Time // when somebody last took it upon itself to check an idle store
	users    map[*database]bool
}

// mayAsk reports whether a target may send requests now. If it may because it is the one that
// tries, it says so, and owes an answered, failed or letGo. If it may not, at is when to ask
// again; it is woken before that if the store is back.
func (s *store) mayAsk(now time.Time) (ok, tries bool, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.away:
		return true, false, time.Time{}
	case s.trying:
		return false, false, now.Add(longestWait)
	case now.Before(s.next):
		return false, false, s.next
	}
	s.trying = true
	return true, true, time.Time{}
}

// answered notes that the store has answered, and reports whether it was away.
func (s *store) answered(now time.Time) (isBack bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer, s.trying = now, false
	if !s.away {
		return false
	}
	s.away, s.since, s.why = false, now, ""
	s.wake()
	return true
}

// failed notes that the store has not answered, and reports whether that is news. Of those
// that were under way when it went away, each fails; only the first one, and then those that
// tried, count.
func (s *store) failed(now time.Time, tried bool, why string) (isNew bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	isNew = !s.away
	s.why = why
	if s.away && !tried {
		return false
	}
	if isNew {
		// One that answers what tries it and fails at a backup is not back: go on with the waits.
		if now.Sub(s.since) > longestWait {
			s.failures = 0
		}
		s.away, s.since = true, now
	}
	bound := longestWait
	if s.failures < 9 { // 2⁹ s are more than 5 min
		bound = min(bound, shortestWait<<s.failures)
	}
	s.failures++
	s.next, s.trying = now.Add(max(shortestWait, rand.N(bound))), false //nolint:gosec // it spreads load
	s.wake()
	return isNew
}

// letGo ends an attempt about whose outcome nothing is known: it was stopped.
func (s *store) letGo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trying = false
	s.wake()
}

// tryNow lets somebody try at once.
func (s *store) tryNow(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = now
}

// takeCheck reports whether the caller should ask the store whether it still answers: it has
// said nothing for so long, and nobody else asks.
func (s *store) takeCheck(now time.Time, every time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if every <= 0 || s.away || s.answer.IsZero() || now.Sub(s.answer) < every || now.Sub(s.checking) < every {
		return false
	}
	s.checking = now
	return true
}

// isAway reports whether the store is away.
func (s *store) isAway() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.away
}

// use adds or removes a target that is woken when the store's state changes.
func (s *store) use(d *database, isUser bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if isUser {
		s.users[d] = true
	} else {
		delete(s.users, d)
	}
}

// wake wakes all targets. The caller holds the lock.
func (s *store) wake() {
	for d := range s.users {
		d.board.poke()
	}
}

func (s *store) state() StoreState {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := StoreState{Store: s.name, Up: !s.away, Since: s.since, LastAnswer: s.answer, Why: s.why}
	if s.away {
		r.NextTry = s.next
	}
	return r
}
