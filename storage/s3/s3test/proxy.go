package s3test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/gbak-s3/gbak-s3/storage"
)

// Proxy stands between a client and the real store, and does to requests and answers
// what a test wants. What it passes on keeps the client's signature, so the store
// checks that. What it changes it signs itself, unless the store is meant to notice the
// change.
type Proxy struct {
	// Address is the address of the archive, with the proxy as its endpoint.
	Address string

	server    *httptest.Server
	target    *url.URL
	root      string // path of the bucket and the prefix
	transport *http.Transport
	closing   chan struct{}

	credentials aws.Credentials
	region      string

	mu       sync.Mutex
	hook     Hook
	log      []Entry
	rate     int // bytes a second and connection; 0 is no limit
	requests int
	signAll  bool
}

// Hook decides what happens to a request. It is called concurrently. It may take its
// time and send requests of its own.
type Hook func(r *Request) Fault

// Request is a client's request to the store.
type Request struct {
	Op          storage.Op
	Key         string   // below the prefix; for OpList the prefix that is listed, "" if Keys are deleted
	Keys        []string // of a DeleteObjects, below the prefix
	N           int      // the number of this request, from 1
	Conditional bool
	Header      http.Header
	Query       url.Values
	Body        []byte

	method, host, path, rawPath, rawQuery string
	length                                int64 // as the client says; -1 if it does not
}

// AccessKey returns the public half of the credentials that r is signed with.
func (r *Request) AccessKey() string {
	_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	key, _, _ := strings.Cut(rest, "/")
	return key
}

// Answer is the store's answer to a request.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Entry is the record of one request.
type Entry struct {
	Op          storage.Op
	Key         string
	Conditional bool
	Applied     int      // status of the store's own answer, 0 if the request did not reach it
	Status      int      // status that the client received, 0 if none
	SHA256      [32]byte // of the body
}

// NewProxy starts a proxy in front of the archive at address, see [NewBucket]. It ends
// with t. A nil hook passes everything.
func NewProxy(t testing.TB, address string, hook Hook) *Proxy {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	p := &Proxy{
		root:      "/" + u.Host + "/" + strings.Trim(u.Path, "/"),
		transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		closing:   make(chan struct{}),
		hook:      hook,
		credentials: aws.Credentials{
			AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		},
		region: cmp.Or(os.Getenv("AWS_REGION"), "us-east-1"),
	}
	p.root = strings.TrimSuffix(p.root, "/")
	if p.target, err = url.Parse(query.Get("endpoint")); err != nil || p.target.Host == "" {
		t.Fatalf("%s has no endpoint", address)
	}
	p.server = httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	p.server.Listener = &slowListener{p.server.Listener, p}
	p.server.Start()
	t.Cleanup(func() {
		close(p.closing)
		p.server.CloseClientConnections()
		p.server.Close()
	})
	query.Set("endpoint", p.server.URL)
	u.RawQuery = query.Encode()
	p.Address = u.String()
	return p
}

// URL returns the endpoint.
func (p *Proxy) URL() string { return p.server.URL }

// Do replaces the hook from the next request on. [Request].N counts from 1 again.
func (p *Proxy) Do(hook Hook) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hook, p.requests = hook, 0
}

// SignAll makes the proxy sign every request with the credentials that were in the
// environment when it was made, whatever the client's are.
func (p *Proxy) SignAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.signAll = true
}

// signsAll reports whether SignAll was called.
func (p *Proxy) signsAll() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.signAll
}

// Log returns all requests that are done, answered or not.
func (p *Proxy) Log() []Entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.log)
}

// Slow limits every connection to that many bytes a second in each direction.
func (p *Proxy) Slow(bytesPerSecond int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = bytesPerSecond
}

func (p *Proxy) serve(w http.ResponseWriter, hr *http.Request) {
	r, err := p.receive(hr)
	if err != nil {
		return // the client went away
	}
	p.mu.Lock()
	p.requests++
	r.N = p.requests
	hook := p.hook
	p.mu.Unlock()
	var f Fault
	if hook != nil {
		f = hook(r)
	}
	entry := Entry{Op: r.Op, Key: r.Key, Conditional: r.Conditional, SHA256: sha256.Sum256(r.Body)}
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.log = append(p.log, entry)
	}()
	p.carryOut(w, hr, r, f, &entry)
}

// receive reads a whole request.
func (p *Proxy) receive(hr *http.Request) (*Request, error) {
	body, err := io.ReadAll(hr.Body)
	if err != nil {
		return nil, err
	}
	r := &Request{
		Header: hr.Header, Query: hr.URL.Query(), Body: body, Conditional: hr.Header.Get("If-None-Match") != "",
		method: hr.Method, host: hr.Host, path: hr.URL.Path, rawPath: hr.URL.RawPath, rawQuery: hr.URL.RawQuery, length: hr.ContentLength,
	}
	key, below := strings.CutPrefix(r.path, p.root+"/")
	switch {
	case r.method == http.MethodGet && r.Query.Has("list-type"):
		r.Op = storage.OpList
		prefix := "/" + strings.Split(p.root, "/")[1] + "/" + r.Query.Get("prefix")
		r.Key = strings.TrimPrefix(strings.TrimPrefix(prefix, p.root), "/")
	case r.method == http.MethodPost && r.Query.Has("delete"):
		r.Op, r.Keys = storage.OpDelete, p.keysOf(body)
	case below:
		r.Op, r.Key = map[string]storage.Op{
			http.MethodPut: storage.OpPut, http.MethodGet: storage.OpGet,
			http.MethodHead: storage.OpHead, http.MethodDelete: storage.OpDelete,
		}[r.method], key
	case r.method == http.MethodHead:
		r.Op = storage.OpHead // of the bucket
	}
	return r, nil
}

// keysOf returns the keys in the body of a DeleteObjects.
func (p *Proxy) keysOf(body []byte) (keys []string) {
	var sent struct {
		Object []struct{ Key string }
	}
	if xml.Unmarshal(body, &sent) != nil {
		return nil
	}
	for _, object := range sent.Object {
		name := "/" + strings.Split(p.root, "/")[1] + "/" + object.Key
		keys = append(keys, strings.TrimPrefix(strings.TrimPrefix(name, p.root), "/"))
	}
	return keys
}

// Forward sends r to the store, even long after its client is gone, and returns the
// store's answer, with status 0 if there is none.
func (p *Proxy) Forward(r *Request) *Answer { return p.send(r, p.signsAll()) }

func (p *Proxy) send(r *Request, sign bool) *Answer {
	return p.sendBody(r, bytes.NewReader(r.Body), sign)
}

func (p *Proxy) sendBody(r *Request, body io.Reader, sign bool) *Answer {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req := (&http.Request{
		Method: r.method, Host: r.host, Header: r.Header.Clone(), Body: io.NopCloser(body), ContentLength: int64(len(r.Body)),
		URL: &url.URL{Scheme: p.target.Scheme, Host: p.target.Host, Path: r.path, RawPath: r.rawPath, RawQuery: r.rawQuery},
	}).WithContext(ctx)
	if len(r.Body) == 0 {
		req.Body = http.NoBody
	}
	req.Header.Del("Expect") // the body has arrived
	if sign {
		if err := p.resign(req, r.Body); err != nil {
			return &Answer{}
		}
	}
	resp, err := p.transport.RoundTrip(req)
	if err != nil {
		return &Answer{}
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		return &Answer{}
	}
	return &Answer{resp.StatusCode, resp.Header, content}
}

// refusal returns an error answer like those of S3.
func refusal(status int, code string) *Answer {
	body, err := xml.Marshal(struct {
		XMLName                  xml.Name `xml:"Error"`
		Code, Message, RequestID string
	}{Code: code, Message: "The proxy says " + code + ".", RequestID: "PROXY"})
	if err != nil {
		panic(err)
	}
	return &Answer{status, http.Header{"Content-Type": {"application/xml"}}, body}
}

// slowListener accepts connections that are limited to the proxy's rate.
type slowListener struct {
	net.Listener
	proxy *Proxy
}

func (l *slowListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("a %T", conn)
	}
	return &slowConn{tcp, l.proxy}, nil
}

type slowConn struct {
	*net.TCPConn
	proxy *Proxy
}

func (c *slowConn) Read(b []byte) (int, error) {
	if rate := c.proxy.pace(0); rate > 0 {
		b = b[:min(len(b), max(rate/10, 1))]
	}
	n, err := c.TCPConn.Read(b)
	c.proxy.pace(n)
	return n, err
}

func (c *slowConn) Write(b []byte) (written int, err error) {
	for len(b) > 0 && err == nil {
		part := b
		if rate := c.proxy.pace(0); rate > 0 {
			part = b[:min(len(b), max(rate/10, 1))]
		}
		var n int
		n, err = c.TCPConn.Write(part)
		c.proxy.pace(n)
		written, b = written+n, b[n:]
	}
	return written, err
}

// ReadFrom hides that of the connection, which would not be limited.
func (c *slowConn) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{c}, r)
}

// pace waits for as long as n bytes take, and returns the rate.
func (p *Proxy) pace(n int) int {
	p.mu.Lock()
	rate := p.rate
	p.mu.Unlock()
	if rate > 0 && n > 0 {
		select {
		case <-time.After(time.Duration(n) * time.Second / time.Duration(rate)):
		case <-p.closing:
		}
	}
	return rate
}
