package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/history"
	"github.com/gbak-s3/gbak-s3/internal/page"
	"github.com/gbak-s3/gbak-s3/internal/watch"
	"github.com/gbak-s3/gbak-s3/storage"
)

func plainPage() *Page {
	return &Page{
		Version: "0.1.0", Recent: NewRecent(), Problems: func() []page.Problem { return nil },
		Restore: func(t watch.Target, _ bool) (string, string) { return "gbak-s3 restore " + t.Archive + " x", "" },
		Price:   func(_ watch.Target, r storage.RequestCounts) (float64, bool) { return float64(r.Put), true },
	}
}

// healthy is the state of a watcher of one database of which all is well.
func healthy() watch.State {
	now := time.Now()
	return watch.State{
		At: now, Started: now.Add(-2 * time.Hour),
		Targets: []watch.TargetState{{
			Target: watch.Target{Name: "people", Database: "/srv/hush/people.grafeo", Archive: "s3://hush/people", Store: "s3://hush"},
			Phase:  watch.PhaseClean, Turned: now, LastLook: now, LastSafe: now, Newest: archiver.Backup{Seq: 7, Kind: archiver.KindFull, CreatedAt: now, Host: "hush-host"},
			NewestRestorable: now, Counts: watch.Counts{Requests: storage.RequestCounts{Put: 3}},
		}},
		Stores: []watch.StoreState{{Store: "s3://hush", Up: true, LastAnswer: now}},
	}
}

// reply is what a handler has answered.
type reply struct {
	StatusCode int
	Header     http.Header
	Body       string
}

// ask asks a handler.
func ask(t *testing.T, h http.Handler, method, path, host string) reply {
	t.Helper()
	w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1"+path, nil)
	r.Host = host
	h.ServeHTTP(w, r)
	return reply{w.Code, w.Header(), w.Body.String()}
}

func answering(state func() watch.State, g *guard, p *Page) http.Handler {
	return handler(Options{State: state, Metrics: http.NotFoundHandler(), Page: p, Log: slog.New(slog.DiscardHandler)}, g, time.Minute)
}

var atHome = &guard{isLocal: true}

func TestPage(t *testing.T) {
	t.Parallel()
	h := answering(healthy, atHome, plainPage())
	for path, says := range map[string]string{
		"/": "people</bdi> is safe", "/d/people": "gbak-s3 restore s3://hush/people x", "/status.json": `"headline":"people is safe."`,
	} {
		answer := ask(t, h, "GET", path, "localhost:8484")
		if body := answer.Body; answer.StatusCode != 200 || !strings.Contains(body, says) {
			t.Errorf("%s answers %d, without %q:\n%s", path, answer.StatusCode, says, body)
		}
		if head := ask(t, h, "HEAD", path, "localhost:8484"); head.StatusCode != 200 {
			t.Errorf("HEAD %s answers %d", path, head.StatusCode)
		}
	}
	if answer := ask(t, h, "GET", "/d/shop", "localhost"); answer.StatusCode != 404 {
		t.Errorf("a database that is not watched answers %d", answer.StatusCode)
	}
	if answer := ask(t, answering(healthy, atHome, nil), "GET", "/", "localhost"); answer.StatusCode != 404 {
		t.Errorf("with page: off, it answers %d", answer.StatusCode)
	}
}

// TestNamesOfDatabases: each can be asked for, whatever it is called.
func TestNamesOfDatabases(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"tenants/acme", "a//b/../c", "<script>", "a?b=c#d%2f", "två", strings.Repeat("long", 1000), "new\nline", "\xff", "a b", "...",
	} {
		state := healthy()
		state.Targets[0].Target.Name = name
		h := answering(func() watch.State { return state }, atHome, plainPage())
		_, link, _ := strings.Cut(ask(t, h, "GET", "/", "localhost").Body, `<a href="d/`)
		link, _, _ = strings.Cut(link, `"`)
		if answer := ask(t, h, "GET", "/d/"+link, "localhost"); answer.StatusCode != 200 {
			t.Errorf("%.40q: the link d/%.60s answers %d", name, link, answer.StatusCode)
		}
	}
}

// TestHosts: a browser that was made to believe that this is another host gets nothing.
func TestHosts(t *testing.T) {
	t.Parallel()
	listener := func(address string) net.Addr {
		a, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	home := newGuard("127.0.0.1:8484", listener("127.0.0.1:8484"), []string{"backups.example", "192.0.2.9"})
	wide := newGuard(":8484", listener("0.0.0.0:8484"), []string{"Backups.Example"})
	named := newGuard("gbak.internal:8484", listener("192.0.2.1:8484"), nil)
	socket := newGuard("unix:/run/page.sock", &net.UnixAddr{Name: "/run/page.sock", Net: "unix"}, nil)
	for _, tt := range []struct {
		host                      string
		home, wide, named, socket bool
	}{
		{"localhost", true, true, true, true},
		{"LOCALHOST:8484", true, true, true, true},
		{"127.0.0.1:8484", true, true, true, true},
		{"[::1]:9", true, true, true, true},
		{"backups.example", true, true, false, true},
		{"BACKUPS.example.:443", true, true, false, true},
		{"gbak.internal:8484", false, false, true, true},
		{"192.0.2.9:8484", true, true, true, true},
		{"192.0.2.1:8484", false, true, true, true},
		{"[2001:db8::1]:8484", false, true, true, true},
		{"evil.example", false, false, false, true},
		{"evil.example:8484", false, false, false, true},
		{"127.0.0.1.evil.example", false, false, false, true},
		{"localhost.evil.example", false, false, false, true},
		{"backups.example.evil.example", false, false, false, true},
		{"", false, false, false, true},
	} {
		for name, c := range map[string]struct {
			g    *guard
			want bool
		}{"home": {home, tt.home}, "wide": {wide, tt.wide}, "named": {named, tt.named}, "socket": {socket, tt.socket}} {
			for _, path := range []string{"/", "/d/people", "/status.json"} {
				answer := ask(t, answering(healthy, c.g, plainPage()), "GET", path, tt.host)
				if (answer.StatusCode == 200) != c.want || !c.want && answer.StatusCode != 421 {
					t.Errorf("%s: %s as %q answers %d", name, path, tt.host, answer.StatusCode)
				}
				if body := answer.Body; !c.want && strings.Contains(body, "people") {
					t.Errorf("%s: %s as %q shows what is watched", name, path, tt.host)
				}
			}
		}
	}
	for _, path := range []string{"/livez", "/readyz"} {
		if answer := ask(t, answering(healthy, wide, plainPage()), "GET", path, "10.1.2.3:8484"); answer.StatusCode != 200 {
			t.Errorf("%s asked by the address of a pod answers %d", path, answer.StatusCode)
		}
	}
}

// TestHeaders: nothing may be loaded, framed, kept, or taken for something else.
func TestHeaders(t *testing.T) {
	t.Parallel()
	h := answering(healthy, atHome, plainPage())
	for _, path := range []string{"/", "/d/people", "/d/none", "/status.json", "/metrics", "/livez", "/none"} {
		for _, host := range []string{"localhost", "evil.example"} {
			answer := ask(t, h, "GET", path, host)
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Content-Security-Policy": "frame-ancestors 'none'",
				"Cross-Origin-Resource-Policy": "same-origin",
			} {
				if got := answer.Header.Get(name); !strings.Contains(got, want) {
					t.Errorf("%s: %s is %q", path, name, got)
				}
			}
			if got := answer.Header.Get("Content-Security-Policy"); !strings.HasPrefix(got, "default-src 'none'") || strings.Contains(got, "unsafe") {
				t.Errorf("%s: the policy is %s", path, got)
			}
			if got := answer.Header.Get("Set-Cookie"); got != "" {
				t.Errorf("%s sets the cookie %s", path, got)
			}
		}
	}
}

// TestElsewhere: where others reach the page, it names no path, address or host unless that is wished.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	state := healthy()
	bad := &state.Targets[0]
	bad.Phase, bad.Why, bad.Code = watch.PhaseRefused, "hush reason", archiver.CodeWrongDatabase
	bad.Verify.Why, bad.Proof.Why, bad.Target.Drill.Every = "hush reason", "hush reason", time.Hour
	bad.Proof.Proofs.LastDrill = &archiver.Drilled{At: state.At, Why: "hush reason"}
	bad.Proof.Proofs.Unread = errors.New("hush certificate")
	state.Stores[0].Up, state.Stores[0].Why = false, "hush reason"
	bad.History = (&history.History{}).With(&bad.Newest)
	bad.History.DrillsUnknown, bad.History.Drills = "hush reason", []history.Drill{{At: state.At, Why: "hush reason"}}
	p := plainPage()
	p.Problems = func() []page.Problem { return []page.Problem{{What: "Something", Text: "hush", Hint: "hush"}} }
	for _, e := range []watch.Event{
		{Kind: watch.EventFailed, Target: bad.Target, Work: "backup", Why: "hush reason", Code: bad.Code, Hint: "do this"},
		{Kind: watch.EventWriter, Target: bad.Target, Who: "hush-host"},
		{Kind: watch.EventBackup, Target: bad.Target, Report: &archiver.BackupReport{Backup: bad.Newest, Why: "hush reason"}},
	} {
		e.At = state.At
		p.Recent.Event(e)
	}
	for isFull, want := range map[bool]bool{false: false, true: true} {
		p.IsFull = isFull
		h := answering(func() watch.State { return state }, &guard{}, p)
		for _, path := range []string{"/", "/d/people", "/status.json"} {
			body := ask(t, h, "GET", path, "10.0.0.1").Body
			if got := strings.Contains(body, "hush"); got != want {
				t.Errorf("full is %v, and %s shows what is hidden: %v\n%s", isFull, path, got, body)
			}
			if !strings.Contains(body, "refused") || !strings.Contains(body, "people") {
				t.Errorf("%s does not say what is wrong with what:\n%s", path, body)
			}
		}
	}
}

// TestPageFails: a fault of the page is an answer and a line in the log, and no more.
func TestPageFails(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	p := plainPage()
	p.Problems = func() []page.Problem { panic("a fault") }
	h := handler(Options{State: healthy, Metrics: http.NotFoundHandler(), Page: p, Log: slog.New(slog.NewTextHandler(&log, nil))}, atHome, time.Minute)
	for _, path := range []string{"/", "/d/people", "/status.json"} {
		log.Reset()
		answer := ask(t, h, "GET", path, "localhost")
		if body := answer.Body; answer.StatusCode != 500 || strings.Contains(body, "a fault") || !strings.Contains(log.String(), "a fault") {
			t.Errorf("%s answers %d, %q; the log says %q", path, answer.StatusCode, body, log.String())
		}
	}
	if answer := ask(t, h, "GET", "/livez", "localhost"); answer.StatusCode != 200 {
		t.Errorf("/livez answers %d", answer.StatusCode)
	}
}

// TestSocket: the page can be had at a socket, one that a killed process has left does not matter,
// and one at which somebody answers is not taken.
func TestSocket(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "page") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	_ = left.Close()
	opts := Options{State: healthy, Metrics: http.NotFoundHandler(), Page: plainPage(), Log: slog.New(slog.DiscardHandler)}
	s, err := Start("unix:"+path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != socketMode {
		t.Errorf("%v, %v", info, err)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET /status.json HTTP/1.0\r\nHost: backups.example\r\n\r\n")
	answer, _ := io.ReadAll(conn)
	_, body, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
	var document WatchStatus
	if err := json.Unmarshal(body, &document); err != nil || document.Headline != "people is safe." {
		t.Errorf("%v: %s", err, answer)
	}
	if _, err := Start("unix:"+path, opts); err == nil || !strings.Contains(err.Error(), "somebody else answers") {
		t.Errorf("a second one begins: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start("unix:"+file, opts); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file is taken for a socket: %v", err)
	}
}

// TestConnections: no more are open than allowed, and the next one gets its turn.
func TestConnections(t *testing.T) {
	t.Parallel()
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limit(inner, 2)
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	for range 3 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
	}
	first, second := <-accepted, <-accepted
	if n := len(l.(*limited).slots); n != 2 {
		t.Errorf("%d connections count", n)
	}
	select {
	case <-accepted:
		t.Error("a third one is open")
	default:
	}
	_ = first.Close()
	_ = first.Close() // which gives no second slot back
	third := <-accepted
	_, _ = second.Close(), third.Close()
	_ = l.Close()
	if _, open := <-accepted; open {
		t.Error("it accepts after its end")
	}
}
