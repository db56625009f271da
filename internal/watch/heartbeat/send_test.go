package heartbeat

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/watch"
)

func sender() *Sender {
	return New(Options{State: func() watch.State { return watch.State{} }, Log: slog.New(slog.DiscardHandler)})
}

// TestAsk asks a real server, in all ways in which it may answer.
func TestAsk(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(elsewhere.Close)
	// By another name, as a redirect to another port of this host is none to another host.
	other := strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)
	mux := http.NewServeMux()
	to := func(target string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target, http.StatusFound) }
	}
	mux.HandleFunc("/ok/", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/moved/", to("/ok/"+secret))
	mux.HandleFunc("/login/", to(other+"/login?from=/login/"+secret))
	mux.HandleFunc("/loop/", to("/loop/"+secret))
	mux.HandleFunc("/wrong/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/wrong/"+secret+"%zz")
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("/long/", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 10*maxAnswer))
	})
	mux.HandleFunc("/gone/", http.NotFound)
	mux.HandleFunc("/broken/", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s := sender()
	for path, ok := range map[string]bool{
		"/ok/": true, "/moved/": true, "/long/": true,
		"/login/": false, "/loop/": false, "/wrong/": false, "/gone/": false, "/broken/": false,
	} {
		err := s.ask(t.Context(), server.URL+path+secret)
		if (err == nil) != ok {
			t.Errorf("%s: %v", path, err)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error tells the URL: %v", path, err)
		}
	}
}

// hangs is a monitor that does not answer.
type hangs struct{}

func (hangs) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// TestHostHangs: a monitor that does not answer is given up.
func TestHostHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := sender()
		s.client.Transport = hangs{}
		began := time.Now()
		err := s.ask(t.Context(), "http://monitor.example/"+secret)
		if err == nil || strings.Contains(err.Error(), secret) || time.Since(began) != tryTimeout {
			t.Errorf("after %s the error is %v", time.Since(began), err)
		}
	})
}

// TestURLsThatCannotBeUsed are not told either.
func TestURLsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	s := sender()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, address := range []string{"https://" + secret + ":x", "gopher://host/" + secret, "://" + secret, "https://user:" + secret + "@127.0.0.1:1/"} {
		err := s.ask(ctx, address)
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("the error is %v", err)
		}
		if strings.Contains(hostOf(address), secret+"@") || strings.Contains(hostOf("https://user:"+secret+"@host/"+secret), secret) {
			t.Errorf("the host is %q", hostOf(address))
		}
	}
}
