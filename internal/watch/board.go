package watch

import (
	"maps"
	"sync"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// board is where the loop of a target and others meet: they tell it what has happened, and it
// shows its state. Nobody holds the lock during I/O.
type board struct {
	wake chan struct{} // holds one

	mu     sync.Mutex
	wanted Target // as it was set last, which the loop may not have taken in yet
	inbox  inbox
	shown  TargetState
	moved  progress
}

// inbox is what others tell the loop.
type inbox struct {
	changed time.Time // the first event that it does not know of
	last    time.Time // the last one
	nudged  bool
	target  *Target
}

// progress is what a run tells of itself.
type progress struct {
	alive       time.Time
	done, total int64
	conflicts   int64
	retries     string // why it asks the store again; "" while it gets on
}

// poke makes the loop turn soon.
func (b *board) poke() {
	select {
	case b.wake <- struct{}{}:
	default: // it will turn anyway
	}
}

// tell changes the inbox and makes the loop turn.
func (b *board) tell(change func(*inbox)) {
	b.mu.Lock()
	change(&b.inbox)
	b.mu.Unlock()
	b.poke()
}

// target returns the target as it was set last.
func (b *board) target() Target {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wanted
}

// set tells the loop another target.
func (b *board) set(t Target) {
	b.mu.Lock()
	b.wanted, b.inbox.target = t, &t
	b.mu.Unlock()
	b.poke()
}

// changed says that files may have changed.
func (b *board) changed(now time.Time) {
	b.tell(func(i *inbox) {
		i.last = now
		if i.changed.IsZero() {
			i.changed = now
		}
	})
}

// add adds up what happened, under the lock.
func (b *board) add(change func(*Counts)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.shown.Counts)
}

// safe returns when the archive last had everything, and the store had just said so.
func (b *board) safe() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.shown.LastSafe
}

// observe takes in what a backup tells of itself.
func (b *board) observe(e archiver.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.moved.alive = time.Now()
	switch e := e.(type) {
	case archiver.Progress:
		b.moved.done, b.moved.total, b.moved.retries = e.Done, e.Total, ""
	case archiver.Retry:
		b.moved.retries = e.Err.Error()
	case archiver.Conflict:
		b.moved.conflicts++
	}
}

// state returns a copy of what was published, with what has moved since.
func (b *board) state() TargetState {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.shown
	s.Doing.Alive, s.Doing.Done, s.Doing.Total = b.moved.alive, b.moved.done, b.moved.total
	if s.Phase == PhaseRunning {
		s.LastLook = later(s.LastLook, b.moved.alive) // a backup reads it
		if s.Why == "" {
			s.Why = b.moved.retries
		}
	}
	s.Counts.Backups = maps.Clone(s.Counts.Backups)
	s.Counts.Failures = maps.Clone(s.Counts.Failures)
	s.Counts.UnplannedFulls = maps.Clone(s.Counts.UnplannedFulls)
	s.Counts.Durations = maps.Clone(s.Counts.Durations)
	return s
}
