package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const gen06 = "0.6.0"

// logDir is the folder of a database's log.
func (w *live) logDir() string { return w.path + ".wal" }

// segments are the log's files, without the cursor.
func (w *live) segments(t testing.TB) []string {
	t.Helper()
	return slices.DeleteFunc(names(t, w.logDir()), func(n string) bool { return !strings.HasPrefix(n, "wal_") })
}

func (w *live) cursor() string { return filepath.Join(w.logDir(), "backup_cursor.meta") }

// holds reads the cursor: whose log is held. Without one it is empty.
func (w *live) holds(t testing.TB) []string {
	t.Helper()
	b, err := os.ReadFile(w.cursor())
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Ours struct {
			Holds []struct {
				ArchiveID string `json:"archive_id"`
			} `json:"holds"`
		} `json:"gbak_s3"`
	}
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for _, h := range c.Ours.Holds {
		all = append(all, h.ArchiveID)
	}
	return all
}

// reopen closes the database and opens it in another process.
func (w *live) reopen(t testing.TB) *live {
	t.Helper()
	model := w.save(t)
	w.quit(t)
	return w.again(t, model)
}

// again opens the database in another process.
func (w *live) again(t testing.TB, model string) *live {
	t.Helper()
	return startLive(t, w.version, w.path, w.log, "--model", model)
}

// everything is the goals of all commits on timeline 1 from an epoch on.
func (w *live) everything(t testing.TB, from int64) []goal {
	t.Helper()
	return on(1, momentsOf(t, w.log), from)
}

// TestHeld backs up a 0.6 database whose log is cut away by checkpoints and clean
// closes, were it not held: each backup is an incremental one, and no epoch is
// lost.
func TestHeld(t *testing.T) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			at, w := p.make(t), newLive(t, gen06)
			w.do(t, "commit", "3")
			if b := backup(t, w, at, "full", 1); len(w.holds(t)) != 1 {
				t.Errorf("after %+v the log is held for %v", b, w.holds(t))
			}
			w.do(t, "commit", "3")
			w.do(t, "checkpoint")
			w.do(t, "commit", "2")
			w.do(t, "checkpoint")
			backup(t, w, at, "incremental", 1)

			w.do(t, "commit", "3")
			w.do(t, "checkpoint")
			w = w.reopen(t)
			w.do(t, "commit", "2")
			w = w.reopen(t)
			w.do(t, "commit", "1")
			model := w.save(t)
			w.quit(t)
			backup(t, w, at, "incremental", 1) // while it is closed
			backup(t, w, at, "none", 1)

			w = w.again(t, model)
			w.do(t, "commit", "2")
			w.do(t, "checkpoint")
			w.do(t, "commit", "2")
			model = w.save(t)
			w.kill(t)
			w = w.again(t, model)
			w.do(t, "commit", "2")
			backup(t, w, at, "incremental", 1)
			w.do(t, "commit", "2")
			w.do(t, "checkpoint")
			backup(t, w, at, "full", 1, "--full") // loses nothing either
			w.do(t, "commit", "1")
			last := backup(t, w, at, "incremental", 1)
			w.quit(t)
			w.intact(t)
			reach(t, gen06, at, w.everything(t, 1))
			verifyClean(t, at, last.Seq)
		})
	}
}

// TestHeldFromClosed begins with a closed database, which has no log and no folder
// for one: it is held all the same.
func TestHeldFromClosed(t *testing.T) {
	for _, again := range [][]string{nil, {"--full"}} {
		t.Run(fmt.Sprint("again", again), func(t *testing.T) {
			at, w := newDirectory(t), newLive(t, gen06)
			w.do(t, "commit", "3")
			model := w.save(t)
			w.quit(t)
			if left := names(t, filepath.Dir(w.path)); len(left) != 1 {
				t.Fatalf("a closed database is %v", left)
			}
			backup(t, w, at, "full", 1)
			w = w.again(t, model)
			w.do(t, "commit", "3")
			w.do(t, "checkpoint")
			w.do(t, "commit", "2")
			w.do(t, "checkpoint")
			w.do(t, "commit", "1")
			kind := "incremental"
			if again != nil {
				kind = "full"
			} else {
				w.quit(t)
			}
			backup(t, w, at, kind, 1, again...)
			reach(t, gen06, at, w.everything(t, 3))
			verifyClean(t, at, 2)
		})
	}
}

// TestTwoArchives backs up one database to two archives at different times: each
// has every epoch since its own first backup.
func TestTwoArchives(t *testing.T) {
	often, seldom := newDirectory(t), newDirectory(t)
	w := newLive(t, gen06)
	w.do(t, "commit", "2")
	backup(t, w, often, "full", 1)
	w.do(t, "commit", "2")
	w.do(t, "checkpoint")
	from := backup(t, w, seldom, "full", 1)
	if held := w.holds(t); len(held) != 2 || held[0] == held[1] {
		t.Errorf("the log is held for %v", held)
	}
	for range 3 {
		w.do(t, "commit", "2")
		w.do(t, "checkpoint")
		backup(t, w, often, "incremental", 1)
		w = w.reopen(t)
		w.do(t, "commit", "1")
		backup(t, w, often, "incremental", 1)
	}
	w.do(t, "checkpoint")
	backup(t, w, seldom, "incremental", 1)
	backup(t, w, often, "none", 1)
	w.do(t, "commit", "1")
	w.do(t, "checkpoint")
	// The one can be released without the other.
	must(t, "release", w.path, often.address())
	if held := w.holds(t); len(held) != 1 {
		t.Errorf("after the release of one of two archives the log is held for %v", held)
	}
	w.do(t, "commit", "1")
	w.do(t, "checkpoint")
	w = w.reopen(t)
	backup(t, w, seldom, "incremental", 1)
	all := momentsOf(t, w.log)
	reach(t, gen06, often, on(1, all[:len(all)-2], 1))
	reach(t, gen06, seldom, on(1, all, from.EndEpoch))
	verifyClean(t, often, 7)
	verifyClean(t, seldom, 3)
}

// TestNativeBackupBetween lets Grafeo take its own backups of a database whose log
// is held for us. They take over the cursor: we say so, and continue, and their chain
// stays whole.
func TestNativeBackupBetween(t *testing.T) {
	at, w, native := newDirectory(t), newLive(t, gen06), filepath.Join(t.TempDir(), "native")
	w.do(t, "commit", "3")
	backup(t, w, at, "full", 1)
	w.do(t, "commit", "2")
	w.do(t, "full", native)
	theirs := read(t, w.cursor())
	w.do(t, "commit", "2")

	noticed := func(kind string) {
		t.Helper()
		r := must(t, "backup", w.path, at.address(), "--json")
		if !strings.Contains(r.stderr, "cursor") {
			t.Errorf("a backup says nothing of the cursor that somebody else has moved: %q", r.stderr)
		}
		if b := r.one(t, "backup"); b.Kind != kind || b.Timeline != 1 {
			t.Errorf("with somebody else's cursor: %+v, want kind %s on timeline 1", b, kind)
		}
		if now := read(t, w.cursor()); now != theirs {
			t.Errorf("somebody else's cursor was %s and is %s", theirs, now)
		}
	}
	noticed("incremental")
	w.do(t, "commit", "2")
	w.do(t, "incremental", native)
	theirs = read(t, w.cursor())
	w.do(t, "commit", "1")
	noticed("incremental")
	if f := gbak(t, "release", w.path, "--json").want(t, exitError).failure(t); f.Code != "foreign_cursor" {
		t.Errorf("release with somebody else's cursor: %+v", f)
	}
	w.do(t, "incremental", native)
	w.quit(t)

	all := momentsOf(t, w.log)
	reach(t, gen06, at, on(1, all, 1))
	var lines []string
	for _, m := range all[4:] { // since their first backup
		lines = append(lines, fmt.Sprintf("restore %s %d %s", native, m.Epoch, filepath.Join(t.TempDir(), "theirs.grafeo")))
	}
	for i, got := range openAll(t, gen06, lines) {
		if want := all[4+i]; got.Digest != want.Digest {
			t.Errorf("Grafeo's own backup at epoch %d: %+v, want %+v", want.Epoch, got, want)
		}
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestRelease lets a database drop its log: the next checkpoint removes what it
// does not need, and a clean close all.
func TestRelease(t *testing.T) {
	at, w := newDirectory(t), newLive(t, gen06)
	w.do(t, "commit", "2")
	backup(t, w, at, "full", 1)
	for range 3 {
		w.do(t, "commit", "2")
		w.do(t, "checkpoint")
	}
	held := w.segments(t)
	if len(held) < 3 {
		t.Fatalf("after three checkpoints the log is %v: nothing is held", held)
	}
	var released struct{ Released bool }
	if err := json.Unmarshal([]byte(must(t, "release", w.path, "--json").stdout), &released); err != nil || !released.Released {
		t.Errorf("release --json: %+v, %v", released, err)
	}
	if _, err := os.Stat(w.cursor()); !os.IsNotExist(err) {
		t.Errorf("after a release there is a cursor: %v", err)
	}
	w.do(t, "commit", "1")
	w.do(t, "checkpoint")
	for _, name := range w.segments(t) {
		if slices.Contains(held[:len(held)-1], name) {
			t.Errorf("%s is there after a release and a checkpoint", name)
		}
	}
	model := w.save(t)
	w.quit(t)
	if left := names(t, filepath.Dir(w.path)); len(left) != 1 {
		t.Errorf("after a release and a clean close there is %v", left)
	}

	// What was dropped makes the next backup a full one on a new timeline, which
	// holds the log again.
	w = w.again(t, model)
	w.do(t, "commit", "1")
	r := must(t, "backup", w.path, at.address(), "--json")
	if b := r.one(t, "backup"); b.Kind != "full" || b.Timeline != 2 || len(w.holds(t)) != 1 || r.stderr == "" {
		t.Errorf("after a release: %+v, held for %v, %q", b, w.holds(t), r.stderr)
	}
	w.quit(t)
	all := momentsOf(t, w.log)
	reach(t, gen06, at, append(on(1, all[:2], 1), on(2, all[len(all)-1:], 1)...))
}

// TestNoHold never writes a cursor, and takes what the log still has.
func TestNoHold(t *testing.T) {
	at, w := newDirectory(t), newLive(t, gen06)
	without := func(kind string, timeline int64) {
		t.Helper()
		backup(t, w, at, kind, timeline, "--no-hold")
		if held := w.holds(t); held != nil {
			t.Errorf("with --no-hold the log is held for %v", held)
		}
	}
	w.do(t, "commit", "2")
	without("full", 1)
	w.do(t, "commit", "2")
	without("incremental", 1)
	without("none", 1)
	w.do(t, "commit", "2")
	w.do(t, "checkpoint")
	w.do(t, "commit", "2")
	w.do(t, "checkpoint")
	w.do(t, "commit", "1")
	without("full", 2) // the log was cut away
	w.quit(t)
	if left := names(t, filepath.Dir(w.path)); len(left) != 1 {
		t.Errorf("after a clean close there is %v", left)
	}
	all := momentsOf(t, w.log)
	reach(t, gen06, at, append(on(1, all[:4], 1), on(2, all[len(all)-1:], 1)...))
}
