package heartbeat

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/gbak-s3/gbak-s3/internal/watch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret = "f00d-cafe-5ec2e7"
	ping   = "https://monitor.example/ping/" + secret + "?token=" + secret
	every  = 5 * time.Minute
)

// world is a watcher whose state the test decides, and a monitor that notes what it is asked.
type world struct {
	*Sender

	mu     sync.Mutex
	state  watch.State
	asked  []string
	answer func(n int) (int, error) // to the nth request; nil for 200
	log    bytes.Buffer
}

// target returns one that is clean and proved to be safe now.
func target(name string) watch.TargetState {
	now := time.Now()
	return watch.TargetState{
		Target: watch.Target{Name: name, Archive: "s3://backups/" + name, Store: "s3://backups"},
		Phase:  watch.PhaseClean, LastSafe: now, LastLook: now, Turned: now,
	}
}

// begin runs a sender whose one URL covers these targets, until the test's bubble ends.
func begin(t *testing.T, style string, names ...string) *world {
	t.Helper()
	w := &world{state: watch.State{Started: time.Now(), Stores: []watch.StoreState{{Store: "s3://backups", Up: true}}}}
	beats := map[watch.Key]Beat{}
	for _, name := range names {
		one := target(name)
		w.state.Targets = append(w.state.Targets, one)
		beats[one.Target.Key()] = Beat{ping, every, style}
	}
	w.Sender = New(Options{State: w.snapshot, Log: slog.New(slog.NewTextHandler(&w.log, nil)), Transport: w})
	w.Set(beats)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(t.Context())
	}()
	t.Cleanup(func() { <-done }) // the context ends before
	return w
}

func (w *world) snapshot() watch.State {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.state
	s.At = time.Now()
	s.Targets = slices.Clone(s.Targets)
	s.Stores = slices.Clone(s.Stores)
	return s
}

// RoundTrip is the monitor's.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, r.URL.String())
	status, err := 200, error(nil)
	if w.answer != nil {
		status, err = w.answer(len(w.asked))
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("OK")), Request: r, Header: http.Header{}}, nil
}

// change changes the world.
func (w *world) change(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
}

// prove proves all targets, or those of these names, to be safe now, and says so.
func (w *world) prove(names ...string) {
	w.change(func() {
		for i := range w.state.Targets {
			t := &w.state.Targets[i]
			t.Turned = time.Now() // all loops turn
			if len(names) == 0 || slices.Contains(names, t.Target.Name) {
				t.LastSafe = time.Now()
			}
		}
	})
	w.Event(watch.Event{})
}

// pass lets time pass, and what follows from it.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (w *world) wantPings(t *testing.T, n int) {
	t.Helper()
	pass(breath)
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.asked) != n {
		t.Errorf("the monitor was asked %d times, want %d: %v", len(w.asked), n, w.asked)
	}
}

// TestPing: a proof gives one ping, and no more before the next one is due.
func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, "", "people")
		w.wantPings(t, 0) // nobody has said anything
		w.prove()
		w.wantPings(t, 1)
		if w.asked[0] != ping {
			t.Errorf("it asks for %s", w.asked[0])
		}
		for range 26 { // a busy database: a commit each 10 s
			w.prove()
			pass(10 * time.Second)
		}
		w.wantPings(t, 1)
		pass(time.Minute)
		w.prove()
		w.wantPings(t, 2)
		if got := w.Results(); got[resultOK] != 2 || got[resultFailed] != 0 {
			t.Errorf("the results are %v", got)
		}
	})
}

// TestIdleDatabase: with a proof each five minutes, however it comes a little late, there is a
// ping for each.
func TestIdleDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, "", "people")
		for n := range 100 {
			w.prove()
			w.wantPings(t, n+1)
			pass(every - time.Duration(n)*10*time.Millisecond)
		}
	})
}

// TestNoPingWithoutProof: neither time nor events make a ping where there is no new proof.
func TestNoPingWithoutProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, "", "people")
		w.prove()
		w.wantPings(t, 1)
		for range 24 * 60 {
			w.Event(watch.Event{Kind: watch.EventState})
			pass(time.Minute)
		}
		w.wantPings(t, 1)
	})
}

// TestHeartbeatOnlyWhenSafe: with each thing that can be wrong with one of two databases there
// is no ping, not even one, although the other has a proof each 10 s; and when it is right again
// there is one.
func TestHeartbeatOnlyWhenSafe(t *testing.T) {
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	faults := map[string]func(s *watch.State, t *watch.TargetState){
		"new":                  func(_ *watch.State, t *watch.TargetState) { t.Phase = watch.PhaseNew },
		"waiting":              func(_ *watch.State, t *watch.TargetState) { t.Phase = watch.PhaseWaiting },
		"refused":              func(_ *watch.State, t *watch.TargetState) { t.Phase = watch.PhaseRefused },
		"gone":                 func(_ *watch.State, t *watch.TargetState) { t.Phase = watch.PhaseGone },
		"an error":             func(_ *watch.State, t *watch.TargetState) { t.Code = "store_failed" },
		"a damaged archive":    func(_ *watch.State, t *watch.TargetState) { t.Verify.Findings = 1 },
		"behind":               func(_ *watch.State, t *watch.TargetState) { t.UnsavedSince = ago(11 * time.Second) },
		"never proved":         func(_ *watch.State, t *watch.TargetState) { t.LastSafe = time.Time{} },
		"proved too long ago":  func(_ *watch.State, t *watch.TargetState) { t.LastSafe = ago(2*every + time.Second) },
		"a stuck loop":         func(_ *watch.State, t *watch.TargetState) { t.Turned = ago(watch.DeadAfter + time.Second) },
		"a store that is away": func(s *watch.State, _ *watch.TargetState) { s.Stores[0].Up = false },
		"not watched":          func(s *watch.State, _ *watch.TargetState) { s.Targets = s.Targets[:1] },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := begin(t, "", "pets", "people")
				for range 60 * 6 {
					w.change(func() {
						w.state.Targets[0].LastSafe, w.state.Targets[0].Turned = time.Now(), time.Now()
						if len(w.state.Targets) > 1 { // the proof is new: only the fault speaks against it
							w.state.Targets[1].LastSafe, w.state.Targets[1].Turned = time.Now(), time.Now()
							fault(&w.state, &w.state.Targets[1])
						}
					})
					w.Event(watch.Event{})
					pass(10 * time.Second)
				}
				w.wantPings(t, 0)
				w.change(func() {
					w.state.Targets = []watch.TargetState{target("pets"), target("people")}
					w.state.Stores[0].Up = true
				})
				w.Event(watch.Event{})
				w.wantPings(t, 1)
			})
		})
	}
}

// TestOneOfSeveral: databases that share a URL are pinged for when all of them have a new
// proof, however unlike their moments are.
func TestOneOfSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, "", "people", "pets", "plants")
		w.prove()
		w.wantPings(t, 1)
		for range 10 { // one of them is proved no more
			w.prove("people", "pets")
			pass(every)
		}
		w.wantPings(t, 1)
		w.prove("plants")
		w.wantPings(t, 2)
		for range 12 {
			for _, name := range []string{"people", "pets", "plants"} {
				pass(every / 3)
				w.prove(name)
			}
		}
		w.wantPings(t, 14)
	})
}

// TestRetries: a monitor that fails is asked three times, and the next time there is an event
// again. It is asked once if it says that it does not know the URL.
func TestRetries(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(n int) (int, error)
		asked  int
		ok     int64
		failed int64
	}{
		{"at the third try", func(n int) (int, error) { return map[bool]int{true: 503, false: 204}[n < 3], nil }, 3, 1, 0},
		{"never", func(int) (int, error) { return 500, nil }, 3, 0, 1},
		{"no network", func(int) (int, error) { return 0, errors.New("no route to host") }, 3, 0, 1},
		{"unknown there", func(int) (int, error) { return 404, nil }, 1, 0, 1},
		{"busy", func(int) (int, error) { return 429, nil }, 3, 0, 1},
		{"a page that is not there", func(int) (int, error) { return 302, nil }, 1, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := begin(t, "", "people")
				w.answer = c.answer
				w.prove()
				pass(time.Minute)
				w.wantPings(t, c.asked)
				if got := w.Results(); got[resultOK] != c.ok || got[resultFailed] != c.failed {
					t.Errorf("the results are %v", got)
				}
				if said := w.log.String(); strings.Contains(said, secret) || c.failed > 0 && !strings.Contains(said, "host=monitor.example") {
					t.Errorf("the log is %q", said)
				}
				w.answer = nil
				w.prove()
				w.wantPings(t, c.asked+int(c.failed))
			})
		})
	}
}

// TestTurnsBadBetweenTries: the second try of a ping is not made if all is well no more.
func TestTurnsBadBetweenTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, "", "people")
		w.answer = func(int) (int, error) {
			w.state.Targets[0].Phase = watch.PhaseRefused
			return 500, nil
		}
		w.prove()
		pass(time.Minute)
		w.wantPings(t, 1)
	})
}

// TestFail: a monitor that wants to know is told once that something is wrong, and at once when
// all is well again.
func TestFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, Healthchecks, "people")
		w.prove()
		w.wantPings(t, 1)
		for range 10 {
			w.change(func() { w.state.Targets[0].Phase = watch.PhaseRefused })
			w.Event(watch.Event{Kind: watch.EventState})
			pass(10 * time.Second)
		}
		w.wantPings(t, 2)
		if want := "https://monitor.example/ping/" + secret + "/fail?token=" + secret; w.asked[1] != want {
			t.Errorf("it asks for %s, want %s", w.asked[1], want)
		}
		w.change(func() { w.state.Targets[0].Phase = watch.PhaseClean })
		w.prove()
		w.wantPings(t, 3)
		if w.asked[2] != ping {
			t.Errorf("it asks for %s", w.asked[2])
		}
		if got := w.Results(); got[resultOK] != 2 {
			t.Errorf("the results are %v", got)
		}
	})
}

// TestSetAgain: a reload that changes nothing does not send again, and one that takes the URL
// away ends it.
func TestSetAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, "", "people")
		w.prove()
		w.wantPings(t, 1)
		key := w.state.Targets[0].Target.Key()
		w.Set(map[watch.Key]Beat{key: {ping, every, ""}})
		w.prove()
		w.wantPings(t, 1)
		w.Set(map[watch.Key]Beat{key: {}})
		pass(every)
		w.prove()
		w.wantPings(t, 1)
	})
}
