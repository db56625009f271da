// Package server answers, over HTTP, how a watcher is:
//
//	/          the status page, for people; /d/NAME is that of one database
//	/status.json   the same for programs
//	/livez     200 while all loops turn, 503 if one is stuck: then a restart may help
//	/readyz    200 after each database was looked at once
//	/metrics   for Prometheus
//	/debug/pprof/  profiles of the process, for somebody on this host alone
//
// Neither /livez nor /readyz depends on the store or on the lag: a backup that is late is
// no reason to restart the watcher, nor to take an application beside it out of service.
package server

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/page"
	"github.com/gbak-s3/gbak-s3/internal/watch"
)

// Options say what a server tells.
type Options struct {
	State   func() watch.State
	Metrics http.Handler
	Page    *Page        // nil for no status page
	Hosts   []string     // names of this host by which people may ask for the page, besides those that are plain
	Log     *slog.Logger // of what goes wrong with connections and pages
}

// Server answers until it is closed.
type Server struct {
	listener net.Listener
	server   *http.Server
	ended    chan struct{}
}

// How long a client may take, so that none keeps a connection for ever. A profile takes
// half a minute.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = time.Minute
	idleTimeout   = 30 * time.Second
	answerTimeout = 10 * time.Second
	maxHeader     = 16 << 10
)

// Start listens at address, such as 127.0.0.1:8484 or unix:/run/gbak-s3/page.sock, and answers from
// then on. If somebody else does there, that is an error.
func Start(address string, opts Options) (*Server, error) {
	listener, err := listen(address)
	if err != nil {
		return nil, fmt.Errorf("listening for the status page, health and metrics: %w", err)
	}
	g := newGuard(address, listener.Addr(), opts.Hosts)
	opts.warn(g, listener.Addr().String())
	s := &Server{
		listener: listener,
		server: &http.Server{
			Handler:           handler(opts, g, answerTimeout),
			ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
			MaxHeaderBytes: maxHeader,
			ErrorLog:       slog.NewLogLogger(opts.Log.Handler(), slog.LevelDebug),
		},
		ended: make(chan struct{}),
	}
	go func() {
		defer close(s.ended)
		if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			opts.Log.Error("nobody is answered any more", "err", err)
		}
	}()
	return s, nil
}

// warn says who can see the page, if that is not this host alone.
func (o *Options) warn(g *guard, address string) {
	switch {
	case o.Page == nil || g.isLocal:
	case o.Page.IsFull:
		o.Log.Warn("whoever reaches this address sees the status page, with paths and addresses", "address", address)
	default:
		o.Log.Warn("whoever reaches this address sees the status page, without paths, addresses and messages: page: full shows them, and page: off nothing",
			"address", address)
	}
}

// Address returns where the server listens.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Close ends the server, and its connections at once.
func (s *Server) Close() error {
	err := s.server.Close()
	<-s.ended
	return err
}

// handler answers all paths. Profiles are for a listener on loopback alone. A watcher that does
// not even say how it is gets no more time than patience.
func handler(opts Options, g *guard, patience time.Duration) http.Handler {
	mux := http.NewServeMux()
	answer := func(path string, h http.Handler) {
		mux.Handle("GET "+path, http.TimeoutHandler(h, patience, "the watcher does not answer\n"))
	}
	answer("/livez", verdict(func() (string, bool) {
		state := opts.State()
		stuck := state.Stuck(time.Now())
		var names []string
		for _, key := range stuck {
			names = append(names, key.String())
		}
		return "stuck: " + strings.Join(names, ", "), len(stuck) == 0
	}))
	answer("/readyz", verdict(func() (string, bool) {
		state := opts.State()
		return "not all databases were looked at yet", state.HasLooked()
	}))
	if g.isLocal {
		answer("/metrics", g.only(opts.Metrics))
	} else { // Prometheus asks by whatever name it was given
		answer("/metrics", opts.Metrics)
	}
	if opts.Page != nil {
		p := pages{status: opts.status(g), log: opts.Log}
		answer("/{$}", g.only(http.HandlerFunc(p.index)))
		answer("/d/{name}", g.only(http.HandlerFunc(p.database)))
		answer("/status.json", g.only(http.HandlerFunc(p.json)))
	}
	if g.isLocal && !g.isSocket { // in front of a socket there is somebody who passes on what others ask
		// Without pprof.Cmdline: a command line may hold the URL of a heartbeat.
		mux.Handle("GET /debug/pprof/", local(pprof.Index))
		mux.Handle("GET /debug/pprof/profile", local(pprof.Profile))
		mux.Handle("GET /debug/pprof/symbol", local(pprof.Symbol))
		mux.Handle("GET /debug/pprof/trace", local(pprof.Trace))
	}
	return careful(mux)
}

// status returns what makes the view of this moment, with as much as may be seen.
func (o *Options) status(g *guard) func() *page.Status {
	return func() *page.Status {
		state := o.State()
		s := o.Page.view(&state)
		if g.isLocal || o.Page.IsFull {
			return s
		}
		return s.Anonymous()
	}
}

// verdict answers ok, or else 503 and why.
func verdict(judge func() (why string, ok bool)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		why, ok := judge()
		if !ok {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, why+"\n")
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
}

// local refuses requests that name another host than this one: they come through a proxy,
// or from a web page that pretends to be of this host.
func local(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := withoutPort(r.Host)
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.NotFound(w, r)
			return
		}
		h(w, r)
	})
}
