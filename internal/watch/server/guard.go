package server

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/gbak-s3/gbak-s3/internal/page/render"
)

// guard decides who may read what is meant for people. A web page of somebody else cannot read what
// stands here unless it makes a browser believe that this is its own host, by a name that it points
// here (DNS rebinding). So the name in a request must be known.
type guard struct {
	isLocal  bool // the listener is on loopback, or a socket in the file system
	isSocket bool
	name     string   // of the host in the listener's address
	hosts    []string // more names
}

func newGuard(asked string, address net.Addr, hosts []string) *guard {
	g := &guard{name: strings.ToLower(withoutPort(asked))}
	for _, host := range hosts {
		g.hosts = append(g.hosts, strings.ToLower(strings.Trim(host, "[]")))
	}
	switch a := address.(type) {
	case *net.UnixAddr:
		g.isLocal, g.isSocket = true, true
	case *net.TCPAddr:
		g.isLocal = a.IP.IsLoopback()
	}
	return g
}

// knows reports whether a request may name the host so. A number is no name, and cannot be pointed
// elsewhere; but on loopback nobody asks for another one than that.
func (g *guard) knows(host string) bool {
	if g.isSocket { // browsers cannot ask there, and what stands in front of it has decided
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(withoutPort(host), "."))
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback() || !g.isLocal || slices.Contains(g.hosts, host)
	}
	return host == "localhost" || host != "" && host == g.name || slices.Contains(g.hosts, host)
}

func withoutPort(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.Trim(host, "[]")
}

// only answers for hosts that are known.
func (g *guard) only(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.knows(r.Host) {
			http.Error(w, "This page is not known by that name of a host. It can be added to hosts: in the configuration, or with --hosts.",
				http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// closed is the policy of answers that are no pages.
const closed = "default-src 'none'; frame-ancestors 'none'"

// careful sets the headers that keep what is answered from others, and from being taken for what
// it is not.
func careful(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", closed)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cache-Control", "no-store")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.ServeHTTP(w, r)
	})
}

// policy is that of the pages.
var policy = render.Policy()
