package watch

import "sync"

// slots bound how much of one kind goes on at a time, over all targets.
type slots struct {
	mu      sync.Mutex
	free    int
	waiting map[*database]bool
}

func newSlots(n int) *slots { return &slots{free: n, waiting: map[*database]bool{}} }

// take takes a slot if one is free. Otherwise the target is woken when one is.
func (s *slots) take(d *database) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free == 0 {
		s.waiting[d] = true
		return false
	}
	delete(s.waiting, d)
	s.free--
	return true
}

// isFreeFor reports whether a slot is free. If none is, the target is woken when one is.
func (s *slots) isFreeFor(d *database) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free == 0 {
		s.waiting[d] = true
	}
	return s.free > 0
}

// give gives a slot back.
func (s *slots) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	for d := range s.waiting {
		d.board.poke()
	}
}

// leave says that a target waits no longer.
func (s *slots) leave(d *database) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, d)
}
