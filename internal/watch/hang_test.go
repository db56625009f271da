package watch

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// isFree reports whether nobody holds a lock.
func isFree(l *sync.Mutex) bool {
	if !l.TryLock() {
		return false
	}
	l.Unlock()
	return true
}

// What may read a disk is done while nobody else waits for it: the hint of an error looks around where
// a database is missing, and opening an archive reads files with keys.
func TestNobodyWaitsForADisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _, f := newFake("people")
		d.broken = interrupted
		var w *Watcher
		var hints, opened int
		var told []string
		w = New(Options{
			Open: func(Target) (Archive, error) {
				if opened++; !isFree(&w.mu) {
					t.Error("health and pages wait while an archive is opened")
				}
				return f, nil
			},
			Hint: func(e Event) string {
				if hints++; !isFree(&w.telling) || !isFree(&w.mu) {
					t.Error("the events of others wait for a hint")
				}
				return "look: " + e.Err.Error()
			},
			Event: func(e Event) {
				if e.Kind == EventFailed {
					told = append(told, e.Hint)
				}
			},
		})
		g := target("people")
		if err := w.Set([]Target{g}); err != nil {
			t.Fatal(err)
		}
		s := &scene{t: t, w: w, stopped: make(chan error, 1)}
		ctx, cancel := context.WithCancel(t.Context())
		s.cancel = cancel
		go func() { s.stopped <- w.Run(ctx) }()
		rest(time.Minute)
		g.Address = "elsewhere"
		if err := w.Set([]Target{g}); err != nil {
			t.Fatal(err)
		}
		rest(time.Minute)
		_ = s.stop()
		if opened != 2 || hints == 0 || len(told) == 0 || told[0] != "look: "+interrupted.Error() {
			t.Errorf("opened %d times, %d hints, told %q", opened, hints, told)
		}
	})
}
