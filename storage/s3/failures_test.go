package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"github.com/gbak-s3/gbak-s3/storage"
)

// The answer of a store that refuses before it has read a large body arrives.
func TestEarlyRefusalOfALargeBody(t *testing.T) {
	isolate(t)
	answered := make(chan struct{})
	listener := listen(t, func(conn net.Conn) {
		// The head of the request, and not the body.
		_, _ = conn.Read(make([]byte, 4096))
		fmt.Fprint(conn, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		<-answered // closing it with unread bytes would break the connection and lose the answer
	})
	defer close(answered)
	s := openOptions(t, Options{Bucket: "bucket", Endpoint: "http://" + listener, Timeouts: Timeouts{Idle: 2 * time.Minute}})
	start := time.Now()
	_, err := s.Put(t.Context(), "key", bytes.NewReader(make([]byte, 32<<20)), storage.PutOptions{IfAbsent: true})
	if !errors.Is(err, storage.ErrPermission) {
		t.Errorf("got %v, want %v", err, storage.ErrPermission)
	}
	if elapsed := time.Since(start); elapsed > time.Minute {
		t.Errorf("it took %v", elapsed)
	}
}

// An upload to a store that takes no more bytes ends.
func TestStalledUploadEnds(t *testing.T) {
	isolate(t)
	release := make(chan struct{})
	listener := listen(t, func(net.Conn) { <-release })
	defer close(release)
	s := openOptions(t, Options{Bucket: "bucket", Endpoint: "http://" + listener, Timeouts: Timeouts{Idle: 200 * time.Millisecond}})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	_, err := s.Put(ctx, "key", bytes.NewReader(make([]byte, 32<<20)), storage.PutOptions{IfAbsent: true})
	if !errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() != nil || strings.Contains(err.Error(), "HTTP") {
		t.Errorf("got %v", err)
	}
}

// listen serves each connection with serve, and returns the address.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				serve(conn)
				_ = conn.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

func TestSilentStoreEnds(t *testing.T) {
	f := newFake(t, func(_ http.ResponseWriter, r *http.Request, _ int) {
		select {
		case <-r.Context().Done():
		case <-time.After(time.Minute): // so that a call without an end does not hang, and gets an answer
		}
	})
	s := f.open(t, func(o *Options) { o.Timeouts.Answer = 50 * time.Millisecond })
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			if err := call(t.Context(), s); err == nil || !strings.Contains(err.Error(), "no answer from the store") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// With the defaults, an error comes while a person would still wait.
func TestRefusedConnectionEndsSoon(t *testing.T) {
	f := newFake(t, nil)
	f.Close()
	for _, name := range []string{"create", "get"} {
		s := openOptions(t, Options{Bucket: "bucket", Endpoint: f.URL})
		start := time.Now()
		err := calls[name](t.Context(), s)
		if err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("%s: got %v", name, err)
		}
		if elapsed := time.Since(start); elapsed > time.Minute {
			t.Errorf("%s: it took %v", name, elapsed)
		}
	}
}

// A store that has answered before may be restarting: calls wait for it.
func TestStoreThatGoesAwayIsWaitedFor(t *testing.T) {
	f := newFake(t, func(http.ResponseWriter, *http.Request, int) {})
	const total = 300 * time.Millisecond
	s := f.open(t, func(o *Options) { o.Timeouts.Total = total })
	put(t, s, "key", "data")
	f.Close()
	start := time.Now()
	err := calls["get"](t.Context(), s)
	if !errors.Is(err, storage.ErrUnavailable) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
	if elapsed := time.Since(start); elapsed < total || elapsed > time.Minute {
		t.Errorf("it took %v", elapsed)
	}
}

func TestCancelledOnTheWire(t *testing.T) {
	cause := errors.New("the cause")
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			f := newFake(t, func(_ http.ResponseWriter, r *http.Request, _ int) {
				cancel(cause)
				<-r.Context().Done()
			})
			err := call(ctx, f.open(t))
			if !errors.Is(err, cause) {
				t.Errorf("got %v, want %v", err, cause)
			}
			if n := len(f.seen()); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

// hasty makes a store that retries nothing.
func hasty(o *Options) { o.Timeouts.Total = time.Nanosecond }

func TestErrorsAreShortAndComplete(t *testing.T) {
	for name, c := range map[string]struct {
		status   int
		code     string
		sentinel error
		want     string // of a put
	}{
		"denied": {
			403, "AccessDenied", storage.ErrPermission,
			"put key: permission denied: AccessDenied: The text of AccessDenied (HTTP 403, request REQ1)",
		},
		"unauthorized": {
			401, "Unauthorized", storage.ErrPermission,
			"put key: permission denied: Unauthorized: The text of Unauthorized (HTTP 401, request REQ1)",
		},
		"signature": {
			400, "SignatureDoesNotMatch", storage.ErrPermission,
			"put key: permission denied: SignatureDoesNotMatch: The text of SignatureDoesNotMatch (HTTP 400, request REQ1)",
		},
		"expired": {
			400, "ExpiredToken", storage.ErrPermission,
			"put key: permission denied: ExpiredToken: The text of ExpiredToken (HTTP 400, request REQ1)",
		},
		"no bucket": {404, "NoSuchBucket", storage.ErrNoStore, "put key: bucket does not exist"},
		"other region": {
			301, "PermanentRedirect", nil,
			"put key: PermanentRedirect: The text of PermanentRedirect (HTTP 301, request REQ1, the bucket is in region eu-west-9)",
		},
		"entity too": {400, "EntityTooLarge", nil, "put key: EntityTooLarge: The text of EntityTooLarge (HTTP 400, request REQ1)"},
		"tried in vain": {
			503, "SlowDown", storage.ErrUnavailable,
			"put key: SlowDown: The text of SlowDown (HTTP 503, request REQ1, 1 attempt in 0s)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header().Set("x-amz-bucket-region", "eu-west-9")
				refuse(w, c.status, c.code)
			})
			_, err := f.open(t, hasty).Put(t.Context(), "key", strings.NewReader("data"), storage.PutOptions{})
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if c.sentinel != nil && !errors.Is(err, c.sentinel) {
				t.Errorf("%v is not %v", err, c.sentinel)
			}
			api, ok := errors.AsType[smithy.APIError](err)
			if !ok || api.ErrorCode() != c.code {
				t.Errorf("the SDK's error is not in %v", err)
			}
			e, ok := errors.AsType[*storage.Error](err)
			if !ok || e.Op != storage.OpPut || e.Key != "key" {
				t.Errorf("got %#v", err)
			}
		})
	}
}

// The answer to a Head has no body, only status and headers.
func TestErrorsOfHead(t *testing.T) {
	for status, want := range map[int]string{
		301: "head key: MovedPermanently (HTTP 301, request REQ1, the bucket is in region eu-west-9)",
		400: "head key: BadRequest (HTTP 400, request REQ1, the bucket is in region eu-west-9)",
		403: "head key: permission denied: Forbidden (HTTP 403, request REQ1)",
		503: "head key: ServiceUnavailable (HTTP 503, request REQ1, 1 attempt in 0s)",
	} {
		f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("x-amz-bucket-region", "eu-west-9")
			w.Header().Set("x-amz-request-id", "REQ1")
			w.WriteHeader(status)
		})
		if _, err := f.open(t, hasty).Head(t.Context(), "key"); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}
