// Package server answers, over HTTP, how a watcher is:
//
//	/livez     200 while all loops turn, 503 if one is stuck: then a restart may help
//	/readyz    200 after each database was looked at once
//	/metrics   for Prometheus
//	/debug/pprof/  profiles of the process, for somebody on this host alone
//
// Neither /livez nor /readyz depends on the store or on the lag: a backup that is late is
// no reason to restart the watcher, nor to take an application beside it out of service.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/watch"
)

// Options say what a server tells.
type Options struct {
	State   func() watch.State
	Metrics http.Handler
	Log     *slog.Logger // of what goes wrong with connections
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
	idleTimeout   = 2 * time.Minute
	answerTimeout = 10 * time.Second
	maxHeader     = 16 << 10
)

// Start listens at address, such as 127.0.0.1:8484, and answers from then on. If the port is
// in use, that is an error.
func Start(address string, opts Options) (*Server, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for health and metrics: %w", err)
	}
	s := &Server{
		listener: listener,
		server: &http.Server{
			Handler:           handler(opts, isLoopback(listener.Addr()), answerTimeout),
			ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
			MaxHeaderBytes: maxHeader,
			ErrorLog:       slog.NewLogLogger(opts.Log.Handler(), slog.LevelDebug),
		},
		ended: make(chan struct{}),
	}
	go func() {
		defer close(s.ended)
		if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			opts.Log.Error("health and metrics are not answered any more", "err", err)
		}
	}()
	return s, nil
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
func handler(opts Options, loopback bool, patience time.Duration) http.Handler {
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
	answer("/metrics", opts.Metrics)
	if loopback {
		// Without pprof.Cmdline: a command line may hold the URL of a heartbeat.
		mux.Handle("GET /debug/pprof/", local(pprof.Index))
		mux.Handle("GET /debug/pprof/profile", local(pprof.Profile))
		mux.Handle("GET /debug/pprof/symbol", local(pprof.Symbol))
		mux.Handle("GET /debug/pprof/trace", local(pprof.Trace))
	}
	return mux
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
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if ip := net.ParseIP(strings.Trim(host, "[]")); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.NotFound(w, r)
			return
		}
		h(w, r)
	})
}

func isLoopback(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
