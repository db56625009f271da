// Package trigger finds databases and tells when their files may have changed.
//
// The kernel's notifications are fast, and not to be relied on: they do not come from
// other hosts, their queue overflows, and the folder of a log is removed and made anew
// under a watch. So each database is polled, too, every ten seconds, by the sizes and
// times of its files; more often where notifications do not work at all, and while a database
// writes: then they are off, as each would take the writer's time. Whoever is told looks for
// himself: nothing here knows what has changed.
package trigger

import (
	"errors"
	"hash/maphash"
	"log/slog"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
)

// Poll is how often each database is looked at, where notifications work.
const Poll = 10 * time.Second

// minPoll is how often a database is looked at while it writes, and bounds how often where
// notifications do not work.
const minPoll = 250 * time.Millisecond

// Options say whom a [Trigger] tells. The functions must return quickly, and may be
// called concurrently.
type Options struct {
	// Changed is told the path of a database, as it was given, of which something may
	// have changed.
	Changed func(path string)

	// Appeared is told that something is new in a folder that is watched, which belongs
	// to no known database; nil for nobody.
	Appeared func()

	// Log is told once if notifications do not work; nil for nobody.
	Log *slog.Logger
}

// Trigger watches the files of databases. Its methods may be called concurrently.
type Trigger struct {
	opts   Options
	poll   time.Duration
	quick  time.Duration     // [minPoll]
	notify *fsnotify.Watcher // nil if there can be none
	seed   maphash.Seed
	silent func(folder string) bool // [isSilent]
	loops  sync.WaitGroup

	warning sync.Once

	mu        sync.Mutex
	databases map[string]*database // by the path that was given
	files     map[string]*database // by the path of the file
	logs      map[string]*database // by the path of the log folder
	roots     map[string]bool      // folders in which databases may appear

	watching sync.Mutex
	wanted   map[string]int // how many want the watch of a folder
}

// New returns a trigger that watches nothing yet. Close ends it.
func New(opts Options) *Trigger { return start(opts, Poll, minPoll, fsnotify.NewWatcher) }

func start(opts Options, poll, quick time.Duration, newWatcher func() (*fsnotify.Watcher, error)) *Trigger {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	t := &Trigger{
		opts: opts, poll: poll, quick: quick, seed: maphash.MakeSeed(), silent: isSilent,
		databases: map[string]*database{}, files: map[string]*database{}, logs: map[string]*database{},
		wanted: map[string]int{}, roots: map[string]bool{},
	}
	notify, err := newWatcher()
	if err != nil {
		t.warn(err)
		return t
	}
	t.notify = notify
	t.loops.Go(t.listen)
	return t
}

// Set makes databases the ones that are watched: paths, and how old a commit of each may
// become. Those that are watched already go on as they are.
func (t *Trigger) Set(databases map[string]time.Duration) {
	t.mu.Lock()
	var gone []*database
	for path, d := range t.databases {
		if lag, ok := databases[path]; !ok || lag != d.lag {
			gone = append(gone, d)
			delete(t.databases, path)
		}
	}
	var more []*database
	for path, lag := range databases {
		if t.databases[path] == nil {
			d := newDatabase(path, lag)
			t.databases[path] = d
			more = append(more, d)
		}
	}
	t.mu.Unlock()
	for _, d := range gone {
		d.stop()
	}
	for _, d := range more {
		t.loops.Go(func() { t.follow(d) })
	}
}

// SetRoots makes folders the ones of which is told, with Appeared, that something is new
// directly in them.
func (t *Trigger) SetRoots(folders []string) {
	t.mu.Lock()
	before := maps.Clone(t.roots)
	clear(t.roots)
	for _, folder := range folders {
		t.roots[filepath.Clean(folder)] = true
	}
	now := maps.Clone(t.roots)
	t.mu.Unlock()
	for folder := range before {
		if !now[folder] {
			t.unwatch(folder)
		}
	}
	for folder := range now {
		if !before[folder] {
			t.watch(folder, true)
		}
	}
}

// closeTime is how long the end waits for databases whose disks hang.
const closeTime = 2 * time.Second

// Close ends the trigger. It does not wait for a disk that hangs, of which something may
// be told later.
func (t *Trigger) Close() {
	t.Set(nil)
	if t.notify != nil {
		t.notify.Close() //nolint:errcheck // it only was a reader
	}
	ended := make(chan struct{})
	go func() {
		t.loops.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(closeTime):
		t.opts.Log.Debug("a disk hangs: its database is not waited for")
	}
}

// listen passes on what the kernel tells.
func (t *Trigger) listen() {
	for {
		select {
		case event, ok := <-t.notify.Events:
			if !ok {
				return
			}
			t.tell(event)
		case err, ok := <-t.notify.Errors:
			if !ok {
				return
			}
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				t.opts.Log.Debug("the queue of file notifications has overflowed; everything is looked at")
			} else {
				t.opts.Log.Warn("file notifications", "err", err)
			}
			t.tellAll()
		}
	}
}

// tell tells of one event.
func (t *Trigger) tell(event fsnotify.Event) {
	if event.Op == fsnotify.Chmod || isOurs(filepath.Base(event.Name)) {
		return
	}
	t.mu.Lock()
	d, inLog := t.logs[filepath.Dir(event.Name)], true
	if d == nil {
		d, inLog = t.owner(event.Name), false
	}
	t.mu.Unlock()
	switch {
	case d == nil:
		if t.opts.Appeared != nil && event.Op.Has(fsnotify.Create) {
			t.opts.Appeared()
		}
		return
	case inLog && event.Op.Has(fsnotify.Write):
		d.wrote.Store(true)
		d.wake()
	case !inLog && !event.Op.Has(fsnotify.Write):
		d.wake() // the folder of the log may be another one now
	}
	t.opts.Changed(d.path)
}

// owner returns the database that a file in a folder above logs belongs to: the file
// itself, or one that has more after its name.
func (t *Trigger) owner(name string) *database {
	for {
		if d := t.files[name]; d != nil {
			return d
		}
		if d := t.logs[name]; d != nil {
			return d
		}
		dot := strings.LastIndexByte(name, '.')
		if dot <= strings.LastIndexByte(name, filepath.Separator) {
			return nil
		}
		name = name[:dot]
	}
}

// tellAll tells of all databases, and that there may be others.
func (t *Trigger) tellAll() {
	t.mu.Lock()
	all := make([]*database, 0, len(t.databases))
	for _, d := range t.databases {
		all = append(all, d)
	}
	t.mu.Unlock()
	for _, d := range all {
		d.wake()
		t.opts.Changed(d.path)
	}
	if t.opts.Appeared != nil {
		t.opts.Appeared()
	}
}

// isOurs reports whether a file is one that backups write: the request to keep the log.
func isOurs(name string) bool { return strings.HasPrefix(name, grafeo.CursorName) }
