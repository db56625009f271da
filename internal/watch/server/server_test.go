package server

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gbak-s3/gbak-s3/internal/watch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// started returns a server on a free port of loopback, for a watcher with this state.
func started(t *testing.T, state func() watch.State) *Server {
	t.Helper()
	s, err := Start("127.0.0.1:0", Options{
		State: state,
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "gbak_build_info 1\n")
		}),
		Page: plainPage(),
		Log:  slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// get asks a server for a path, by the name of a host, "" for its own address.
func get(t *testing.T, s *Server, method, path, host string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Address()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func wantStatus(t *testing.T, s *Server, path string, want int, says string) {
	t.Helper()
	if status, body := get(t, s, "GET", path, ""); status != want || !strings.Contains(body, says) {
		t.Errorf("%s answers %d, %q; want %d, %q", path, status, body, want, says)
	}
}

func one(t watch.TargetState) func() watch.State {
	t.Target = watch.Target{Name: "people", Archive: "s3://backups/people"}
	return func() watch.State {
		return watch.State{At: time.Now(), Started: time.Now(), Targets: []watch.TargetState{t}}
	}
}

// TestWell: a database that has turned and looked is live and ready, whatever the store says
// and however late the backup is.
func TestWell(t *testing.T) {
	t.Parallel()
	ago := time.Now().Add(-24 * time.Hour)
	for _, phase := range watch.Phases {
		if phase == watch.PhaseNew {
			continue
		}
		s := started(t, func() watch.State {
			state := one(watch.TargetState{Phase: phase, Turned: time.Now(), LastLook: ago, UnsavedSince: ago})()
			state.Stores = []watch.StoreState{{Store: "s3://backups", Up: false, Since: ago, Why: "refused"}}
			return state
		})
		wantStatus(t, s, "/livez", 200, "ok")
		wantStatus(t, s, "/readyz", 200, "ok")
		wantStatus(t, s, "/metrics", 200, "gbak_build_info")
	}
}

func TestStuckLoop(t *testing.T) {
	t.Parallel()
	s := started(t, one(watch.TargetState{Phase: watch.PhaseClean, Turned: time.Now().Add(-time.Hour), LastLook: time.Now()}))
	wantStatus(t, s, "/livez", 503, "stuck: people")
	wantStatus(t, s, "/readyz", 200, "ok")
}

func TestNotReady(t *testing.T) {
	t.Parallel()
	for _, state := range []func() watch.State{
		func() watch.State { return watch.State{} }, // it does not run yet
		one(watch.TargetState{Phase: watch.PhaseNew, Turned: time.Now()}),
	} {
		s := started(t, state)
		wantStatus(t, s, "/livez", 200, "ok")
		wantStatus(t, s, "/readyz", 503, "looked at")
	}
}

// TestWatcherDoesNotAnswer: a watcher that cannot say how it is is not live.
func TestWatcherDoesNotAnswer(t *testing.T) {
	t.Parallel()
	resume := make(chan struct{})
	defer close(resume)
	h := handler(Options{State: func() watch.State {
		<-resume
		return watch.State{}
	}}, &guard{isLocal: true}, time.Millisecond)
	w, request := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1/livez", nil)
	if h.ServeHTTP(w, request); w.Code != 503 || !strings.Contains(w.Body.String(), "does not answer") {
		t.Errorf("it answers %d, %q", w.Code, w.Body)
	}
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	s := started(t, one(watch.TargetState{}))
	_, err := Start(s.Address(), Options{Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "listening for the status page, health and metrics") {
		t.Errorf("the error is %v", err)
	}
}

// TestProfiles are for this host alone, and never tell the command line.
func TestProfiles(t *testing.T) {
	t.Parallel()
	s := started(t, one(watch.TargetState{}))
	for host, want := range map[string]int{
		"": 200, "localhost:8484": 200, "[::1]:8484": 200, "127.0.0.1": 200,
		"evil.example": 404, "evil.example:8484": 404, "192.0.2.1:8484": 404, "127.0.0.1.evil.example": 404,
	} {
		if status, _ := get(t, s, "GET", "/debug/pprof/goroutine?debug=1", host); status != want {
			t.Errorf("as %q: %d, want %d", host, status, want)
		}
	}
	if status, _ := get(t, s, "GET", "/debug/pprof/cmdline", ""); status != 404 {
		t.Errorf("the command line is told: %d", status)
	}
	w, request := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1/debug/pprof/", nil)
	if handler(Options{}, &guard{}, time.Minute).ServeHTTP(w, request); w.Code != 404 {
		t.Errorf("a listener that others reach shows profiles: %d", w.Code)
	}
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"127.0.0.1:1": true, "127.1.2.3:1": true, "[::1]:1": true, "0.0.0.0:1": false, "[::]:1": false, "192.0.2.1:1": false, ":1": false,
	} {
		tcp, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if newGuard(address, tcp, nil).isLocal != want {
			t.Errorf("that %s is of this host alone is %v", address, !want)
		}
	}
}

func TestOnlyReading(t *testing.T) {
	t.Parallel()
	s := started(t, one(watch.TargetState{}))
	for path, want := range map[string]int{"/livez": 405, "/metrics": 405, "/": 405, "/status.json": 405, "/d/people": 405, "/x": 404} {
		if status, _ := get(t, s, "POST", path, ""); status != want {
			t.Errorf("POST %s answers %d, want %d", path, status, want)
		}
	}
}

// TestSlowClient: who sends no request loses the connection.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	s := started(t, one(watch.TargetState{}))
	var dialer net.Dialer
	conn, err := dialer.DialContext(context.Background(), "tcp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET /livez HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Errorf("the connection ended with %v", err)
	}
}

// TestNoProfilesForOthers: where others can reach the listener, there are none, even for
// somebody on this host.
func TestNoProfilesForOthers(t *testing.T) {
	t.Parallel()
	s, err := Start(":0", Options{State: func() watch.State { return watch.State{} }, Metrics: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	_, port, err := net.SplitHostPort(s.Address())
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/livez": 200, "/debug/pprof/": 404, "/debug/pprof/profile": 404} {
		request, err := http.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1:"+port+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s answers %d, want %d", path, answer.StatusCode, want)
		}
	}
}
