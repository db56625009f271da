package watch

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// logged takes in a log, for tests that look at it meanwhile.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// take returns level and message of each line since the last time.
func (l *logged) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for line := range strings.Lines(l.text.String()) {
		_, line, _ = strings.Cut(line, "level=")
		level, line, _ := strings.Cut(line, " msg=")
		text, _, _ := strings.Cut(line, " event=")
		text, _, _ = strings.Cut(text, " database=")
		lines = append(lines, level+" "+strings.Trim(text, `"`))
	}
	l.text.Reset()
	return lines
}

var (
	notThere    = &archiver.Error{Code: archiver.CodeNotFound, Err: &fs.PathError{Op: "stat", Path: "people", Err: fs.ErrNotExist}}
	interrupted = &archiver.Error{Code: archiver.CodeNotFound, Err: errors.New("its upgrade was interrupted"), Hint: "Open it."}
)

// A database that its program has not made yet is no reason for a warning, until that lasts. It is
// not safe for that, and one that was there is gone at once.
func TestThereIsNoDatabaseYet(t *testing.T) {
	const yet, still = "INFO there is no database yet", "WARN there is still no database, and nothing is backed up: is the path right?"
	gone := []string{"WARN this failed: look", "WARN the database is gone"}
	synctest.Test(t, func(t *testing.T) {
		d, a, f := newFake("people")
		d.broken = notThere
		var log logged
		s := watch(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))}, []Target{target("people")}, f)
		says := func(want ...string) {
			t.Helper()
			if got := log.take(); !slices.Equal(got, want) {
				t.Errorf("it says %q and not %q", got, want)
			}
		}
		rest(goneFor - time.Second)
		says(yet)
		s.is(PhaseGone)
		if is := s.only(); !is.LastSafe.IsZero() || is.Code != archiver.CodeNotFound {
			t.Errorf("safe at %s, %q", is.LastSafe, is.Code)
		}
		rest(time.Hour)
		says(still)
		if n := s.count(EventSafe); n != 0 {
			t.Errorf("%d times it was safe", n)
		}
		d.set(func(d *fakeDatabase) { d.broken = nil })
		d.commit()
		rest(time.Minute)
		s.is(PhaseClean)
		if a.saved != 1 {
			t.Errorf("%d are saved", a.saved)
		}
		log.take()

		d.set(func(d *fakeDatabase) { d.broken = notThere })
		d.changed()
		rest(time.Minute)
		says(gone...)
		rest(goneFor)
		says("ERROR the database is gone for a while now, and its archive stays")
		var wasSaved []bool
		s.mu.Lock()
		for _, e := range s.events {
			if e.Kind == EventFailed {
				wasSaved = append(wasSaved, e.WasSaved)
			}
		}
		s.mu.Unlock()
		if !slices.Equal(wasSaved, []bool{false, true}) {
			t.Errorf("was it saved: %v", wasSaved)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

// What was at the path first was something: then it is gone. And an upgrade that has taken the
// database's name away is no beginning either.
func TestSomethingWasThere(t *testing.T) {
	for name, first := range map[string]error{
		"something else": &archiver.Error{Code: archiver.CodeNotDatabase, Err: errors.New("not a database")},
		"an upgrade":     interrupted,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, _, f := newFake("people")
				d.broken = first
				var log logged
				s := watch(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))}, []Target{target("people")}, f)
				rest(time.Second)
				d.set(func(d *fakeDatabase) { d.broken = notThere })
				d.changed()
				rest(time.Minute)
				if got := log.take(); slices.Contains(got, "INFO there is no database yet") {
					t.Errorf("it says %q", got)
				}
				_ = s.stop()
			})
		})
	}
}

// A watcher that has never seen a database says so at its end. Of one whose upgrade was interrupted
// it has stored nothing, and that is no success.
func TestStopWithoutADatabase(t *testing.T) {
	for _, c := range []struct {
		found error
		isBad bool
	}{{notThere, false}, {interrupted, true}} {
		synctest.Test(t, func(t *testing.T) {
			d, _, f := newFake("people")
			d.broken = c.found
			var log logged
			s := watch(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))}, []Target{target("people")}, f)
			rest(time.Minute)
			_, isBad := errors.AsType[*UnsavedError](s.stop())
			if isBad != c.isBad {
				t.Errorf("%v: not everything is stored, %v", c.found, isBad)
			}
			if said := log.take(); !slices.Contains(said, "WARN there was no database until the end, so nothing was stored") && !c.isBad {
				t.Errorf("it says %q", said)
			}
		})
	}
}
