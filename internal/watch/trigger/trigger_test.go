package trigger

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// never is a poll that does not come: what is told is told by notifications.
const never = time.Hour

// told counts what a trigger tells.
type told struct {
	t        *testing.T
	mu       sync.Mutex
	more     sync.Cond
	changed  map[string]int
	appeared int
	log      bytes.Buffer
}

// begin starts a trigger of databases and waits until each was looked at once.
func begin(t *testing.T, poll time.Duration, notify func() (*fsnotify.Watcher, error), databases ...string) (*Trigger, *told) {
	t.Helper()
	return beginQuick(t, poll, min(poll, time.Millisecond), notify, databases...)
}

func beginQuick(t *testing.T, poll, quick time.Duration, notify func() (*fsnotify.Watcher, error), databases ...string) (*Trigger, *told) {
	t.Helper()
	seen := &told{t: t, changed: map[string]int{}}
	seen.more.L = &seen.mu
	tr := start(Options{
		Changed:  func(path string) { seen.note(func() { seen.changed[path]++ }) },
		Appeared: func() { seen.note(func() { seen.appeared++ }) },
		Log:      slog.New(slog.NewTextHandler(&seen.log, nil)),
	}, poll, quick, notify)
	t.Cleanup(tr.Close)
	set := map[string]time.Duration{}
	for _, path := range databases {
		set[path] = 10 * time.Second
	}
	tr.Set(set)
	for _, path := range databases {
		seen.until(func() bool { return seen.changed[path] > 0 })
	}
	return tr, seen
}

func (s *told) note(what func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what()
	s.more.Broadcast()
}

// until waits for a condition.
func (s *told) until(is func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !is() {
		s.more.Wait()
	}
}

func (s *told) of(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed[path]
}

// after does something, and waits until it is told of path.
func (s *told) after(path string, do func()) {
	before := s.of(path)
	do()
	s.until(func() bool { return s.changed[path] > before })
}

// newDatabase06 makes what looks like an open database: a file, and a log folder.
func newDatabase06(t *testing.T, path string) string {
	t.Helper()
	write(t, path, "GRAF\x03\x00\x00\x00")
	write(t, filepath.Join(path+".wal", grafeo.LogName(grafeo.Gen06, 1)), "log")
	return path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// log is the first file of a database's log.
func log(path string) string { return filepath.Join(path+".wal", grafeo.LogName(grafeo.Gen06, 1)) }

// TestCommitsAreTold: each write to a log is told, of its database and of no other.
func TestCommitsAreTold(t *testing.T) {
	dir := t.TempDir()
	a, b := newDatabase06(t, filepath.Join(dir, "a.grafeo")), newDatabase06(t, filepath.Join(dir, "a.grafeo.b.grafeo"))
	_, seen := begin(t, never, fsnotify.NewWatcher, a, b)
	before := seen.of(a)
	for range 100 {
		seen.after(b, func() { write(t, log(b), "commit") })
	}
	if seen.of(a) != before {
		t.Errorf("commits of %s were told of %s", b, a)
	}
}

// TestLogFolderIsMadeAnew: a clean close removes the folder of the log, and the next open
// makes another.
func TestLogFolderIsMadeAnew(t *testing.T) {
	a := newDatabase06(t, filepath.Join(t.TempDir(), "a.grafeo"))
	_, seen := begin(t, never, fsnotify.NewWatcher, a)
	for range 20 {
		seen.after(a, func() { remove(t, a+".wal") })
		seen.after(a, func() { write(t, log(a), "first") })
		// More often than anything before can be told late.
		for range 20 {
			seen.after(a, func() { write(t, log(a), "commit") })
		}
	}
}

// TestDatabaseComesAndGoes: all of it is removed with its folder, and comes back.
func TestDatabaseComesAndGoes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "folder")
	a := newDatabase06(t, filepath.Join(dir, "a.grafeo"))
	_, seen := begin(t, 50*time.Millisecond, fsnotify.NewWatcher, a)
	for range 3 {
		seen.after(a, func() { remove(t, dir) })
		seen.after(a, func() { newDatabase06(t, a) })
		for range 20 {
			seen.after(a, func() { write(t, log(a), "commit") })
		}
	}
}

// TestRenamedOver: another file takes the name of the database.
func TestRenamedOver(t *testing.T) {
	dir := t.TempDir()
	a := newDatabase06(t, filepath.Join(dir, "a.grafeo"))
	_, seen := begin(t, never, fsnotify.NewWatcher, a)
	for range 20 {
		other := filepath.Join(dir, "other")
		write(t, other, "GRAF\x03\x00\x00\x00")
		seen.after(a, func() {
			if err := os.Rename(other, a); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestDirectoryDatabase: one of 0.5 without an image has its log inside.
func TestDirectoryDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "people")
	first := filepath.Join(path, "wal", grafeo.LogName(grafeo.Gen05, 0))
	write(t, first, "log")
	_, seen := begin(t, never, fsnotify.NewWatcher, path)
	for range 20 {
		seen.after(path, func() { write(t, first, "commit") })
	}
}

// TestServerFolder: a folder that has a database under the name that a server gives is
// told by the name that was given.
func TestServerFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "people")
	file := newDatabase06(t, filepath.Join(path, "data.grafeo"))
	_, seen := begin(t, never, fsnotify.NewWatcher, path)
	for range 20 {
		seen.after(path, func() { write(t, log(file), "commit") })
	}
}

// TestWriterIsNotHeldUp: while a database writes, the kernel need not tell of each write, and
// tells again when it rests.
func TestWriterIsNotHeldUp(t *testing.T) {
	for name, quick := range map[string]time.Duration{"writing": never, "resting": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			a := newDatabase06(t, filepath.Join(t.TempDir(), "a.grafeo"))
			tr, seen := beginQuick(t, never, quick, fsnotify.NewWatcher, a)
			until := func(isWatched bool) {
				for slices.Contains(tr.notify.WatchList(), a+".wal") != isWatched {
					time.Sleep(time.Millisecond)
				}
			}
			until(true)
			seen.after(a, func() { write(t, log(a), "commit") })
			until(quick != never)
			seen.after(a, func() { write(t, filepath.Join(filepath.Dir(a), "a.grafeo.other"), "not of the log") })
		})
	}
}

// TestOwnFilesAreNotTold: the request to keep the log is written by backups themselves.
func TestOwnFilesAreNotTold(t *testing.T) {
	dir := t.TempDir()
	a, b := newDatabase06(t, filepath.Join(dir, "a.grafeo")), newDatabase06(t, filepath.Join(dir, "b.grafeo"))
	_, seen := begin(t, never, fsnotify.NewWatcher, a, b)
	before := seen.of(a)
	for i := range 20 {
		write(t, filepath.Join(a+".wal", grafeo.CursorName), "x")
		write(t, filepath.Join(a+".wal", fmt.Sprintf("%s.gbak-tmp%d", grafeo.CursorName, i)), "x")
		seen.after(b, func() { write(t, log(b), "commit") })
	}
	if seen.of(a) != before {
		t.Error("a backup's own files are told as a change")
	}
}

// TestWithoutNotifications: what nobody tells is seen by the poll.
func TestWithoutNotifications(t *testing.T) {
	a := newDatabase06(t, filepath.Join(t.TempDir(), "a.grafeo"))
	none := func() (*fsnotify.Watcher, error) { return nil, syscall.EMFILE }
	_, seen := begin(t, 20*time.Millisecond, none, a)
	for range 10 {
		seen.after(a, func() { write(t, log(a), "commit") })
	}
	seen.after(a, func() { remove(t, a+".wal") })
	seen.after(a, func() { remove(t, a) })
	if !strings.Contains(seen.log.String(), "fs.inotify.max_user_instances") {
		t.Errorf("the log does not name the setting: %s", seen.log.String())
	}
}

// TestNothingChanges: a poll that sees what it saw tells nothing.
func TestNothingChanges(t *testing.T) {
	dir := t.TempDir()
	a, b := newDatabase06(t, filepath.Join(dir, "a.grafeo")), newDatabase06(t, filepath.Join(dir, "b.grafeo"))
	none := func() (*fsnotify.Watcher, error) { return nil, errors.New("not here") }
	_, seen := begin(t, time.Millisecond, none, a, b)
	before := seen.of(a)
	for range 50 {
		seen.after(b, func() { write(t, log(b), "commit") })
	}
	if seen.of(a) != before {
		t.Error("a database that rests is told as changed")
	}
}

// TestOverflow: if events were lost, everything may have changed.
func TestOverflow(t *testing.T) {
	dir := t.TempDir()
	a, b := newDatabase06(t, filepath.Join(dir, "a.grafeo")), newDatabase06(t, filepath.Join(dir, "b.grafeo"))
	tr, seen := begin(t, never, fsnotify.NewWatcher, a, b)
	beforeA, beforeB := seen.of(a), seen.of(b)
	tr.notify.Errors <- fsnotify.ErrEventOverflow
	seen.until(func() bool { return seen.changed[a] > beforeA && seen.changed[b] > beforeB && seen.appeared > 0 })
}

// TestAppeared: what is new in a folder is told.
func TestAppeared(t *testing.T) {
	dir := t.TempDir()
	a := newDatabase06(t, filepath.Join(dir, "x", "a.grafeo"))
	tr, seen := begin(t, never, fsnotify.NewWatcher, a)
	write(t, filepath.Join(dir, "x", "b.grafeo"), "GRAF") // beside a database
	seen.until(func() bool { return seen.appeared == 1 })
	tr.SetRoots([]string{dir})
	write(t, filepath.Join(dir, "c.grafeo"), "GRAF")
	seen.until(func() bool { return seen.appeared == 2 })
	tr.SetRoots(nil)
	write(t, filepath.Join(dir, "d.grafeo"), "GRAF")
	write(t, filepath.Join(dir, "x", "e.grafeo"), "GRAF")
	seen.until(func() bool { return seen.appeared == 3 })
}

// TestForgotten: what is not watched any more is not told, and its folder is not watched
// if nobody else needs it.
func TestForgotten(t *testing.T) {
	dir := t.TempDir()
	a, b := newDatabase06(t, filepath.Join(dir, "a.grafeo")), newDatabase06(t, filepath.Join(dir, "b.grafeo"))
	tr, seen := begin(t, never, fsnotify.NewWatcher, a, b)
	tr.Set(map[string]time.Duration{b: 10 * time.Second})
	for len(tr.notify.WatchList()) != 2 { // the folder of both, and the log of b
		time.Sleep(time.Millisecond)
	}
	before := seen.of(a)
	for range 20 {
		write(t, log(a), "commit")
		seen.after(b, func() { write(t, log(b), "commit") })
	}
	if seen.of(a) != before {
		t.Error("a database that was forgotten is told as changed")
	}
}

// TestWarning: that there are too few watches is said once, with the setting to raise.
func TestWarning(t *testing.T) {
	tr, seen := begin(t, never, fsnotify.NewWatcher)
	for range 3 {
		tr.warn(&os.PathError{Op: "inotify_add_watch", Path: "/srv", Err: syscall.ENOSPC})
	}
	if n := strings.Count(seen.log.String(), "fs.inotify.max_user_watches"); n != 1 {
		t.Errorf("the setting is named %d times: %s", n, seen.log.String())
	}
}

// TestClosedIsNoWarning: that a folder is looked for at the end tells nobody that notifications
// do not work.
func TestClosedIsNoWarning(t *testing.T) {
	tr, seen := begin(t, never, fsnotify.NewWatcher)
	tr.notify.Close() //nolint:errcheck // begin closes it, too
	tr.watch(t.TempDir(), true)
	if said := seen.log.String(); said != "" {
		t.Errorf("the end warns: %s", said)
	}
}
