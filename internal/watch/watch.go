package watch

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Options are what all targets of a [Watcher] share. Open is required.
type Options struct {
	// Open returns the archive of a target. It may read a disk, such as files with keys.
	Open func(Target) (Archive, error)

	// Log receives what happens, for people; nil discards it.
	Log *slog.Logger

	// Event is told of changes, by one goroutine at a time; nil for nobody. It must return
	// quickly, and must not call the watcher.
	Event func(Event)

	// Hint returns what people can do about an error, "" for nothing; nil if nobody knows. It may
	// read the disk of the database: nobody but that one waits for it.
	Hint func(Event) string

	// StoreCheck is how long a store may have said nothing before one request asks whether
	// it still answers; 0 means [DefaultStoreCheck], and less than 0 never.
	StoreCheck time.Duration

	// AskEach is how long an archive may say nothing before one request asks whether it is still
	// there, for those who call it safe: that its store answers about another one shows nothing. 0
	// means that nobody asks, and so does a StoreCheck of less than 0.
	AskEach time.Duration

	// Flush is how long it may take to stop; 0 means [DefaultFlush].
	Flush time.Duration

	// History has the history of each archive read, once it is known, for pages that show it. It
	// costs a read for each 32 backups, at most 80 for drills, and then nothing but readings after
	// what others do.
	History bool

	space func(path string) (disk.Space, bool) // nil for that of the disk
}

// The defaults of [Options].
const (
	DefaultStoreCheck = time.Hour
	DefaultFlush      = 20 * time.Second
)

// How much goes on at a time, over all targets.
const (
	fullsAtATime  = 2
	runsAtATime   = 16
	upkeepAtATime = 1
	drillsAtATime = 1
)

// Watcher watches targets. All its methods may be called concurrently.
type Watcher struct {
	opts       Options
	log        *slog.Logger
	flush      time.Duration
	storeCheck time.Duration
	space      func(path string) (disk.Space, bool)

	fulls, runs, upkeep, drills *slots

	telling sync.Mutex

	setting sync.Mutex // held by Set

	// mu is held by nobody who waits for a disk or a store, as health and pages take it. Of what
	// follows.
	mu        sync.Mutex
	running   context.Context //nolint:containedctx // of Run, for targets that are set later; nil before
	started   time.Time
	databases map[Key]*database
	stores    map[string]*store
	leaving   []*database // removed, and not ended yet, or not with everything saved
}

// New returns a watcher without targets.
func New(opts Options) *Watcher {
	if opts.space == nil {
		opts.space = disk.SpaceAt
	}
	return &Watcher{
		opts: opts, log: cmp.Or(opts.Log, slog.New(slog.DiscardHandler)), space: opts.space,
		flush: cmp.Or(opts.Flush, DefaultFlush), storeCheck: cmp.Or(opts.StoreCheck, DefaultStoreCheck),
		fulls: newSlots(fullsAtATime), runs: newSlots(runsAtATime), upkeep: newSlots(upkeepAtATime), drills: newSlots(drillsAtATime),
		databases: map[Key]*database{}, stores: map[string]*store{},
	}
}

// Set makes targets the ones that are watched. Those that are watched already with equal
// settings are not touched. Those with other settings keep their state, unless their path or
// their address is another one. What is left out is backed up once more and then left alone.
// If two targets have the same key, or an archive cannot be opened, that is the error, and
// nothing changes.
func (w *Watcher) Set(targets []Target) error {
	w.setting.Lock()
	defer w.setting.Unlock()
	w.mu.Lock()
	watched := maps.Clone(w.databases)
	w.mu.Unlock()
	wanted, opened := map[Key]bool{}, map[Key]Archive{}
	for _, t := range targets {
		k := t.Key()
		if wanted[k] {
			return fmt.Errorf("two watched databases have the same name and archive: %s", k)
		}
		wanted[k] = true
		if d := watched[k]; d != nil && isSamePlace(d.board.target(), t) {
			continue
		}
		a, err := w.opts.Open(t)
		if err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
		opened[k] = a
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for k, d := range watched {
		if !wanted[k] || opened[k] != nil {
			w.remove(k, d)
		}
	}
	for _, t := range targets {
		k := t.Key()
		if a := opened[k]; a != nil {
			w.add(t, a)
		} else if d := w.databases[k]; d.board.target() != t {
			d.board.set(t)
		}
	}
	return nil
}

func isSamePlace(a, b Target) bool {
	return a.Database == b.Database && a.Address == b.Address && a.Store == b.Store && a.Keys == b.Keys
}

// add begins to watch a target. The caller holds the lock.
func (w *Watcher) add(t Target, a Archive) {
	s := w.stores[t.Store]
	if s == nil {
		s = &store{name: t.Store, users: map[*database]bool{}}
		w.stores[t.Store] = s
	}
	d := newDatabase(w, t, a, s)
	w.databases[t.Key()] = d
	if w.running != nil {
		d.begins(w.running, w.started)
	}
}

// begins starts the loop.
func (d *database) begins(ctx context.Context, started time.Time) {
	d.started = started
	ctx, d.quit = context.WithCancel(ctx)
	go d.loop(ctx)
}

// remove ends the watch of a target. The caller holds the lock.
func (w *Watcher) remove(k Key, d *database) {
	delete(w.databases, k)
	if d.quit == nil {
		return
	}
	d.quit()
	w.leaving = slices.DeleteFunc(w.leaving, func(d *database) bool { return d.hasEnded() && !d.isUnsaved })
	w.leaving = append(w.leaving, d)
}

func (d *database) hasEnded() bool {
	select {
	case <-d.ended:
		return true
	default:
		return false
	}
}

// Run watches until ctx ends. Then it starts no new work, backs up once more what has
// commits that its archive does not have, and returns after [Options.Flush] at the latest:
// nil if everything is stored, else an [*UnsavedError]. It is called once.
func (w *Watcher) Run(ctx context.Context) error {
	w.mu.Lock()
	w.running, w.started = ctx, time.Now()
	for _, d := range w.databases {
		d.begins(ctx, w.started)
	}
	w.mu.Unlock()
	<-ctx.Done()
	w.mu.Lock()
	all := append(slices.Collect(maps.Values(w.databases)), w.leaving...)
	isWatchedAgain := map[*database]bool{} // what it could not save, the new loop can
	for _, d := range w.leaving {
		again := w.databases[d.key]
		isWatchedAgain[d] = again != nil && isSamePlace(again.board.target(), d.board.target())
	}
	w.mu.Unlock()
	// A disk that hangs stops its loop, but nothing else.
	late := time.NewTimer(w.flush + closeTime + time.Second)
	defer late.Stop()
	var unsaved, lost []Key
	for _, d := range all {
		select {
		case <-d.ended:
		case <-late.C:
			late.Reset(0)
		}
		if !d.hasEnded() || d.isUnsaved && !isWatchedAgain[d] {
			unsaved = append(unsaved, d.key)
		}
		if d.hasEnded() && d.isLost {
			lost = append(lost, d.key)
		}
	}
	slices.SortFunc(unsaved, Key.compare)
	slices.SortFunc(lost, Key.compare)
	e := Event{Kind: EventStopped, At: time.Now(), Unsaved: unsaved}
	if len(unsaved) == 0 {
		w.log.Info("stopped: everything is stored", "event", e.Kind)
		w.tell(e)
		return nil
	}
	err := &UnsavedError{unsaved, lost}
	e.Why = err.Error()
	w.log.Error("stopped", "event", e.Kind, "err", err)
	w.tell(e)
	return err
}

// Changed says that something at a database's path may have changed: the file itself, its
// log, or the folders of these. The path is that of [Target.Database].
func (w *Watcher) Changed(path string) {
	w.each(func(d *database) {
		if d.path == path {
			d.board.changed(time.Now())
		}
	})
}

// ChangedAll says that any database may have changed.
func (w *Watcher) ChangedAll() { w.each(func(d *database) { d.board.changed(time.Now()) }) }

// Nudge makes everything due that is not in its archive, and tries again what was refused or
// waits.
func (w *Watcher) Nudge() {
	w.each(func(d *database) {
		d.store.tryNow(time.Now())
		d.board.tell(func(i *inbox) { i.nudged = true })
	})
}

func (w *Watcher) each(do func(*database)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.databases {
		do(d)
	}
}

// State returns a snapshot. It waits for no I/O.
func (w *Watcher) State() State {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := State{At: time.Now(), Started: w.started}
	used := map[*store]bool{}
	for _, d := range w.databases {
		s.Targets = append(s.Targets, d.board.state())
		used[d.store] = true
	}
	for st := range used {
		s.Stores = append(s.Stores, st.state())
	}
	slices.SortFunc(s.Targets, func(a, b TargetState) int { return a.Target.Key().compare(b.Target.Key()) })
	slices.SortFunc(s.Stores, func(a, b StoreState) int { return cmp.Compare(a.Store, b.Store) })
	return s
}
