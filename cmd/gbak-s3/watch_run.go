package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
	"github.com/gbak-s3/gbak-s3/internal/watch"
	"github.com/gbak-s3/gbak-s3/internal/watch/config"
	"github.com/gbak-s3/gbak-s3/internal/watch/heartbeat"
	"github.com/gbak-s3/gbak-s3/internal/watch/metrics"
	"github.com/gbak-s3/gbak-s3/internal/watch/server"
	"github.com/gbak-s3/gbak-s3/internal/watch/trigger"
)

// watchMemory is what the segments of all archives of a watcher may take.
const watchMemory = 128 << 20

// walkEvery is how often folders are looked through for new databases, and walkPause the
// least time between two walks, as a new database comes with many files.
const (
	walkEvery = time.Minute
	walkPause = time.Second
)

// watching is a watcher and all that is around it.
type watching struct {
	app      *app
	archives *archives
	flags    *watchFlags
	log      *slog.Logger
	watcher  *watch.Watcher
	events   *eventPrinter
	advice   *advice
	recent   *server.Recent // what the status page shows of the last day
	beats    *heartbeat.Sender
	manager  *manager

	config  *config.Config
	folders *folders
	trigger *trigger.Trigger // nil before run
	walk    chan struct{}    // holds one: there may be new databases
	isSet   bool             // all that the folders have is watched

	giveUp   func() // ends the run
	hopeless error  // why it has given up
	begun    bool   // a backup was made
	isOnly   bool   // one database and one archive are all that there is to do

	mu       sync.Mutex
	reloaded time.Time // when the configuration was last taken over
	refused  bool      // the last try to read it anew has failed
}

func newWatching(a *app, f *watchFlags, c *config.Config) *watching {
	w := &watching{
		app: a, archives: a.archives(archiver.NewMemory(watchMemory)), flags: f, log: a.log, config: c, folders: newFolders(a.log), walk: make(chan struct{}, 1),
		events: newEventPrinter(a.out), advice: newAdvice(a.log), recent: server.NewRecent(),
	}
	w.beats = heartbeat.New(heartbeat.Options{State: func() watch.State { return w.watcher.State() }, Log: a.log})
	w.watcher = watch.New(watch.Options{
		Open: w.open, Log: a.log, Event: w.event, Hint: adviceFor, StoreCheck: cmp.Or(w.storeCheck(), -1), AskEach: w.askEach(), Flush: c.Flush, History: w.hasPage(),
	})
	return w
}

// event passes on what has happened. It is called by one goroutine at a time.
func (w *watching) event(e watch.Event) {
	w.events.print(e)
	w.beats.Event(e)
	w.advice.on(e)
	w.recent.Event(e)
	switch {
	case e.Kind == watch.EventBackup:
		w.begun = true
	case e.Code == archiver.CodeUnsafeStore && w.isOnly && !w.begun && w.hopeless == nil:
		// No backup can ever be made, and somebody waits for the first one.
		w.hopeless = &archiver.Error{Code: e.Code, Err: errors.New(e.Why)}
		w.giveUp()
	}
}

// set makes the watcher watch what the configuration says as of now.
func (w *watching) set() error {
	targets := w.folders.targets(w.config)
	err := w.watcher.Set(targets)
	if w.isSet = err == nil; w.isSet {
		w.recent.Keep(targets)
		w.beats.Set(w.folders.beats)
	}
	return err
}

// open opens a target's archive.
func (w *watching) open(t watch.Target) (watch.Archive, error) {
	archive, err := w.archives.openKeyed(context.Background(), t.Address, w.log.With("database", t.Name, "archive", t.Archive), w.keysOf(t.Keys))
	if err != nil {
		return nil, err
	}
	return watch.Adapt(archive, t.Database, archiver.SessionOptions{
		Backup: archiver.BackupOptions{LockKeep: t.LockKeep, LockLength: t.LockLength},
	}, nicedCheckBy), nil
}

// restore restores the databases that are not there. Which ones a folder had, no archive
// says.
func (w *watching) restore(ctx context.Context) error {
	if len(w.config.Databases) == 0 {
		return usage("--restore needs databases that are named", "Which databases a folder had is not known: name them, or restore them one by one.")
	}
	for _, d := range w.config.Databases {
		if err := w.app.restoreAbsent(ctx, w.archives, d.Path, d.Archives, w.keysOf(inLines(d.Keys))); err != nil {
			return err
		}
	}
	return nil
}

// run watches until ctx ends. Once nothing can fail any more that fails at the start, it
// calls started.
func (w *watching) run(ctx context.Context, started func() error) error {
	frugal()
	outliveReaders()
	w.folders.look(w.config)
	if err := w.set(); err != nil {
		return err
	}
	var answering string
	if w.config.Listen != "" {
		s, err := server.Start(w.config.Listen, server.Options{
			State: w.watcher.State, Metrics: metrics.Handler(w.source()), Page: w.page(), Hosts: w.config.Hosts, Log: w.log,
		})
		if err != nil {
			return &archiver.Error{Code: archiver.CodeFailed, Err: err, Hint: listenHint}
		}
		defer s.Close() //nolint:errcheck // nobody is answered any more
		answering = s.Address()
	}
	w.isOnly = len(w.config.Dirs) == 0 && len(w.watcher.State().Targets) == 1 && !w.flags.exec
	w.announce(answering)
	w.trigger = trigger.New(trigger.Options{Changed: w.watcher.Changed, Appeared: w.lookThrough, Log: w.log})
	defer w.trigger.Close()
	w.follow()
	w.manager = newManager(w.log, w.watcher.State, w.events.ready, w.flags.readyFD)

	var beside sync.WaitGroup
	defer beside.Wait()
	done, end := context.WithCancel(context.Background())
	defer end()
	running, giveUp := context.WithCancel(ctx)
	defer giveUp()
	w.giveUp = giveUp
	beside.Go(func() { w.manager.run(done) })
	beside.Go(func() { w.beats.Run(done) })
	flush := w.flush()
	go w.listen(running) // which looks through folders, on disks that may hang: nobody waits for it
	context.AfterFunc(ctx, func() { w.manager.stopping(flush) })
	if err := started(); err != nil {
		return err
	}
	return w.outcome(w.watcher.Run(running))
}

// flush is how long the end may take.
func (w *watching) flush() time.Duration {
	if w.config.Flush > 0 {
		return w.config.Flush
	}
	return watch.DefaultFlush
}

const (
	unsavedHint = "Nothing is lost: the databases have it. Start the watcher again, or run `gbak-s3 backup` for each of them."
	lostHint    = "The databases have all their data. But some were closed, which removes the log of Grafeo 0.5, and only this process still had it: " +
		"the states between the newest backup and that moment cannot be restored. Start the watcher again, or run `gbak-s3 backup` for each of them."
)

const partialHint = "The log says which, and why."

const listenHint = "Give another address with --listen, or as listen: in the file. Nothing was started."

// outcome is the error of a run that has stopped.
func (w *watching) outcome(err error) error {
	if w.hopeless != nil {
		return w.hopeless
	}
	if unsaved, ok := errors.AsType[*watch.UnsavedError](err); ok {
		hint := unsavedHint
		if len(unsaved.Lost) > 0 {
			hint = lostHint
		}
		return &archiver.Error{Code: archiver.CodeFailed, Err: unsaved, Hint: hint}
	}
	if err == nil && w.folders.isPartial.Load() {
		return &archiver.Error{Code: archiver.CodeFailed, Err: errors.New("what was watched is stored, but not all databases below the folders could be watched"), Hint: partialHint}
	}
	return err
}

// listen takes in signals and new databases until ctx ends.
func (w *watching) listen(ctx context.Context) {
	signals := make(chan os.Signal, 4)
	if w.flags.config != "" {
		// From now on it asks to read the file again; until now, it has ended the run.
		signal.Ignore(syscall.SIGHUP)
		signal.Notify(signals, syscall.SIGHUP)
	}
	if backUpNow != nil {
		signal.Notify(signals, backUpNow)
	}
	defer signal.Stop(signals)
	ticker := time.NewTicker(walkEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-signals:
			if s == syscall.SIGHUP {
				w.reload()
				continue
			}
			w.log.Info("backing up now, as a signal asks for")
			w.watcher.Nudge()
		case <-ticker.C:
			w.rewalk()
		case <-w.walk:
			w.rewalk()
			select {
			case <-ctx.Done():
			case <-time.After(walkPause):
			}
		}
	}
}

// lookThrough makes the folders be looked through soon.
func (w *watching) lookThrough() {
	select {
	case w.walk <- struct{}{}:
	default:
	}
}

// rewalk looks for new databases below the folders.
func (w *watching) rewalk() {
	if isNew := w.folders.look(w.config); !isNew && w.isSet {
		return
	}
	if err := w.set(); err != nil {
		w.log.Error("new databases are not watched", "err", err)
		return
	}
	w.follow()
}

// follow makes the trigger watch the files of what is watched.
func (w *watching) follow() {
	databases := map[string]time.Duration{}
	state := w.watcher.State()
	for i := range state.Targets {
		t := state.Targets[i].Target
		if lag, there := databases[t.Database]; !there || t.Lag < lag {
			databases[t.Database] = t.Lag
		}
	}
	w.trigger.Set(databases)
	var roots []string
	for _, d := range w.config.Dirs {
		roots = append(roots, absolute(d.Path))
	}
	w.trigger.SetRoots(roots)
}

// source is what the metrics are made of.
func (w *watching) source() metrics.Source {
	w.reloaded = time.Now()
	s := metrics.Source{State: w.watcher.State, Heartbeats: w.beats.Results, Version: version(), Zstd: segment.Compressor}
	if w.flags.config != "" {
		s.Reload = func() (time.Time, bool) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.reloaded, !w.refused
		}
	}
	return s
}
