package trigger

import (
	"encoding/binary"
	"errors"
	"hash/maphash"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// database is a database whose files are watched. One goroutine does all that reads its
// disk, as that may hang.
type database struct {
	path string
	lag  time.Duration

	woken   chan struct{}
	wrote   atomic.Bool // the kernel has told of a write to the log since the last look
	stopped chan struct{}
	stop    func()

	// Of the goroutine.
	file    string          // where the database is; path may be a folder that has it
	log     string          // the folder of its log
	watched map[string]bool // folders of which it wants the watch
	seen    uint64          // the fingerprint
}

func newDatabase(path string, lag time.Duration) *database {
	d := &database{
		path: path, lag: lag, woken: make(chan struct{}, 1), stopped: make(chan struct{}), watched: map[string]bool{},
	}
	d.stop = sync.OnceFunc(func() { close(d.stopped) })
	return d
}

// wake makes the database look for its folders now.
func (d *database) wake() {
	select {
	case d.woken <- struct{}{}:
	default:
	}
}

// rewatchEvery is after how many polls the watches of a database are looked after, if nothing
// asks for it before.
const rewatchEvery = 6

// follow looks at a database's files until it is stopped. While a database writes, the watch
// of its log is off and it is polled: a notification of each write would hold up the one who
// writes.
func (t *Trigger) follow(d *database) {
	defer t.leave(d)
	wait := rand.N(t.poll) // so that many databases are not polled at one moment
	var told, woken, isWriting bool
	for n := 0; ; n++ {
		begins := d.wrote.Swap(false) && !isWriting
		isWriting = isWriting || begins
		now, rewatch := d.seen, n%rewatchEvery == 0 || woken || !told || begins
		if !rewatch {
			now = d.fingerprint(t.seed)
			rewatch = !isWriting && now != d.seen
		}
		if rewatch {
			told = t.rewatch(d, isWriting)
			now = d.fingerprint(t.seed)
		}
		hasChanged := now != d.seen
		if d.seen = now; hasChanged {
			t.opts.Changed(d.path)
		}
		switch {
		case isWriting && !hasChanged:
			isWriting, told = false, false
			continue // with the watch, and what came before it
		case isWriting:
			wait = min(wait, t.quick)
		case !told:
			wait = min(wait, max(d.lag/4, t.quick))
		}
		woken = false
		select {
		case <-d.stopped:
			return
		case <-d.woken:
			woken = true
		case <-time.After(wait):
		}
		wait = untilPoll(time.Now(), t.poll)
	}
}

// untilPoll returns how long to wait before the next poll: a little less than every, so that
// many databases are polled together. A process that wakes up rarely costs less.
func untilPoll(now time.Time, every time.Duration) time.Duration {
	return now.Add(every).Truncate(every / 4).Sub(now)
}

// rewatch makes sure that the folders of a database have their watches: the one of the
// log and the one above it come and go, and may have the same number when they are back.
// So each watch is asked for again, which costs nothing if it is there. The one of the log is
// left out if isWriting. It reports whether changes are told. The caller reads the folders
// then: what came before a watch is told by nobody.
func (t *Trigger) rewatch(d *database, isWriting bool) bool {
	file := d.path
	if at, err := archiver.Locate(d.path); err == nil {
		file = at
	}
	file = absolute(file)
	log := grafeo.LogDir(file)
	t.mu.Lock()
	if d.file != file || d.log != log {
		delete(t.files, d.file)
		delete(t.logs, d.log)
		d.file, d.log = file, log
	}
	t.files[file], t.logs[log] = d, d
	t.mu.Unlock()
	wanted := map[string]bool{filepath.Dir(file): true}
	if !isWriting {
		wanted[log] = true
	}
	if filepath.Dir(log) == file {
		wanted[file] = true // a directory that is a database
	}
	all := true
	for folder := range wanted {
		all = t.watch(folder, !d.watched[folder]) && all
		d.watched[folder] = true
	}
	for folder := range d.watched {
		if !wanted[folder] {
			delete(d.watched, folder)
			t.unwatch(folder)
		}
	}
	return all
}

// leave gives up the watches of a database.
func (t *Trigger) leave(d *database) {
	for folder := range d.watched {
		t.unwatch(folder)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, places := range []map[string]*database{t.files, t.logs} {
		for name, owner := range places {
			if owner == d {
				delete(places, name)
			}
		}
	}
}

// watch adds a watch of a folder, which one more wants if another is true. It reports
// whether changes are told, or there is no folder.
func (t *Trigger) watch(folder string, another bool) bool {
	silent := t.silent(folder) // which asks the disk, and that may hang: nobody else waits for it
	t.watching.Lock()
	defer t.watching.Unlock()
	if another {
		t.wanted[folder]++
	}
	switch {
	case t.notify == nil:
		return false
	case silent:
		t.warning.Do(func() {
			t.opts.Log.Warn("this file system does not tell of changes: databases on it are polled", "folder", folder)
		})
		return false
	}
	err := t.notify.Add(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.warn(err)
		return false
	}
	return true
}

// unwatch ends the watch of a folder if nobody else wants it.
func (t *Trigger) unwatch(folder string) {
	t.watching.Lock()
	defer t.watching.Unlock()
	if t.wanted[folder]--; t.wanted[folder] > 0 {
		return
	}
	delete(t.wanted, folder)
	if t.notify != nil {
		t.notify.Remove(folder) //nolint:errcheck // it may have ended with its folder
	}
}

// warn says, once, that notifications do not work, and what helps.
func (t *Trigger) warn(err error) {
	if errors.Is(err, fsnotify.ErrClosed) {
		return // it ends
	}
	t.warning.Do(func() {
		setting := ""
		switch {
		case errors.Is(err, syscall.ENOSPC):
			setting = "fs.inotify.max_user_watches"
		case errors.Is(err, syscall.EMFILE):
			setting = "fs.inotify.max_user_instances"
		}
		if setting == "" {
			t.opts.Log.Warn("there are no file notifications: databases are polled", "err", err)
			return
		}
		t.opts.Log.Warn("there are too few file notifications: databases are polled; raise the setting with sysctl",
			"setting", setting, "err", err)
	})
}

// fingerprint is a number that changes when sizes, times or names of a database's files
// do.
func (d *database) fingerprint(seed maphash.Seed) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	add := func(name string, info os.FileInfo, err error) {
		h.WriteString(name) //nolint:errcheck // it never fails
		var b [16]byte
		if err == nil {
			binary.LittleEndian.PutUint64(b[:], uint64(info.Size()))
			binary.LittleEndian.PutUint64(b[8:], uint64(info.ModTime().UnixNano()))
		}
		h.Write(b[:]) //nolint:errcheck // the same
		if err != nil {
			h.WriteByte(1) //nolint:errcheck // the same
		}
	}
	for _, name := range []string{d.file, grafeo.PendingImage(d.file)} {
		info, err := os.Stat(name)
		add(name, info, err)
		if err == nil {
			h.WriteString(disk.Identity(name)) //nolint:errcheck // the same
		}
	}
	entries, err := os.ReadDir(d.log)
	for _, e := range entries {
		if isOurs(e.Name()) {
			continue
		}
		info, err := e.Info()
		add(e.Name(), info, err)
	}
	if err != nil {
		h.WriteByte(2) //nolint:errcheck // the same
	}
	return h.Sum64()
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
