package watch

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// scene is a watcher that runs.
type scene struct {
	t       *testing.T
	w       *Watcher
	cancel  context.CancelFunc
	stopped chan error

	mu     sync.Mutex
	events []Event
}

// watch runs a watcher over sessions, one for each target, until the test ends.
func watch(t *testing.T, o Options, targets []Target, sessions ...*fakeSession) *scene {
	t.Helper()
	s := &scene{t: t, stopped: make(chan error, 1)}
	o.Event = func(e Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.events = append(s.events, e)
	}
	o.Open = func(target Target) (Archive, error) {
		for _, f := range sessions {
			if f.d.path == target.Database {
				return f, nil
			}
		}
		return nil, errors.New("there is no such target")
	}
	if o.space == nil {
		o.space = func(string) (disk.Space, bool) { return disk.Space{ForAnyone: 1 << 40, Total: 1 << 41}, true }
	}
	s.w = New(o)
	for _, f := range sessions {
		f.d.watchers = append(f.d.watchers, s.w)
	}
	if err := s.w.Set(targets); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.cancel = cancel
	go func() { s.stopped <- s.w.Run(ctx) }()
	return s
}

// rest lets time pass, and all that happens in it end. What the test did before comes before
// what fakes do afterwards.
func rest(d time.Duration) {
	order.follow()
	time.Sleep(d)
	synctest.Wait()
}

// order tells the race detector what simulated time does: whoever follows comes after all who
// have followed before.
var order sequence

type sequence struct {
	mu sync.Mutex
	n  int
}

func (s *sequence) follow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
}

// stop stops the watcher and returns what it says.
func (s *scene) stop() error {
	s.cancel()
	return <-s.stopped
}

func (s *scene) count(kind EventKind) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, e := range s.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// only returns the state of the only target.
func (s *scene) only() TargetState {
	s.t.Helper()
	all := s.w.State().Targets
	if len(all) != 1 {
		s.t.Fatalf("%d targets", len(all))
	}
	return all[0]
}

func (s *scene) is(phase Phase) {
	s.t.Helper()
	if got := s.only(); got.Phase != phase {
		s.t.Errorf("it is %s and not %s: %s", got.Phase, phase, got.Why)
	}
}

func target(path string) Target {
	return Target{Name: path, Database: path, Archive: "mem:" + path, Store: "mem"}
}

// storeAway is the error of a store that does not answer.
var storeAway = &archiver.Error{Code: archiver.CodeStore, Err: errors.New("no answer")}
