package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/smithy-go"

	"github.com/gbak-s3/gbak-s3/storage"
)

func TestPlainPutIsRetried(t *testing.T) {
	for name, fail := range map[string]func(w http.ResponseWriter){
		"500":     func(w http.ResponseWriter) { refuse(w, 500, "InternalError") },
		"503":     func(w http.ResponseWriter) { refuse(w, 503, "SlowDown") },
		"dropped": drop,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, _ *http.Request, n int) {
				if n < maxAttempts {
					fail(w)
				}
			})
			var requests storage.Requests
			ctx := storage.CountRequests(t.Context(), &requests)
			body := strings.NewReader("before|data")
			if _, err := body.Seek(7, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			if _, err := f.open(t).Put(ctx, "key", body, storage.PutOptions{}); err != nil {
				t.Fatal(err)
			}
			if n := requests.Counts().Put; n != maxAttempts {
				t.Errorf("counted %d attempts, want %d", n, maxAttempts)
			}
			for i, r := range f.seen() {
				if r.body != "data" {
					t.Errorf("attempt %d sent %q", i+1, r.body)
				}
			}
		})
	}
}

func TestRetriesEnd(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ int) { refuse(w, 503, "SlowDown") })
	t.Setenv("AWS_MAX_ATTEMPTS", "10") // a person is waiting, and other tools are not asked
	for name, call := range calls {
		if name == "create" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			before := len(f.seen())
			err := call(t.Context(), f.open(t))
			if err == nil || !strings.Contains(err.Error(), "4 attempts") {
				t.Errorf("got %v", err)
			}
			if n := len(f.seen()) - before; n != maxAttempts {
				t.Errorf("%d attempts, want %d", n, maxAttempts)
			}
		})
	}
}

// A body that cannot be read is not the connection's fault.
func TestErrorOfTheBodyIsNotRetried(t *testing.T) {
	f := newFake(t, func(http.ResponseWriter, *http.Request, int) {})
	broken := errors.New("broken")
	body := struct {
		io.Reader
		io.Seeker
	}{io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)), strings.NewReader("half and half")}
	var requests storage.Requests
	_, err := f.open(t).Put(storage.CountRequests(t.Context(), &requests), "key", body, storage.PutOptions{SHA256: &[32]byte{}})
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	if n := requests.Counts().Put; n != 1 {
		t.Errorf("%d attempts, want 1", n)
	}
}

// Whatever the answer and whatever the environment wishes: a conditional put is
// sent once, and only 412 is a lost race.
func TestConditionalPutIsSentOnce(t *testing.T) {
	status := func(status int, code string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { refuse(w, status, code) }
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		want   error // nil: none of the sentinels
	}{
		"409":     {status(409, "ConditionalRequestConflict"), nil},
		"412":     {status(412, "PreconditionFailed"), storage.ErrPreconditionFailed},
		"404":     {status(404, "NoSuchKey"), nil},
		"403":     {status(403, "AccessDenied"), storage.ErrPermission},
		"500":     {status(500, "InternalError"), nil},
		"501":     {status(501, "NotImplemented"), errors.ErrUnsupported},
		"503":     {status(503, "SlowDown"), nil},
		"dropped": {drop, nil},
		"silent":  {func(http.ResponseWriter) { time.Sleep(300 * time.Millisecond) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ int) { c.answer(w) })
			t.Setenv("AWS_MAX_ATTEMPTS", "10")
			t.Setenv("AWS_RETRY_MODE", "adaptive")
			s := f.open(t, func(o *Options) { o.Timeouts.Answer = 100 * time.Millisecond })
			var requests storage.Requests
			err := create(storage.CountRequests(t.Context(), &requests), s, "key", "data")
			if err == nil {
				t.Fatal("no error")
			}
			for _, sentinel := range []error{
				storage.ErrPreconditionFailed, storage.ErrPermission, errors.ErrUnsupported,
				storage.ErrNotExist, storage.ErrNoStore, storage.ErrInvalidRange,
			} {
				if got := errors.Is(err, sentinel); got != errors.Is(c.want, sentinel) {
					t.Errorf("%v is %v: %t", err, sentinel, got)
				}
			}
			if n := requests.Counts().Put; n != 1 || len(f.seen()) != 1 {
				t.Errorf("counted %d attempts, sent were %d, want 1", n, len(f.seen()))
			}
			if got := f.seen()[0].Header.Get("If-None-Match"); got != "*" {
				t.Errorf("If-None-Match is %q", got)
			}
		})
	}
}

func TestPreconditionFailedNeedsACondition(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		if got := r.Header.Get("If-None-Match"); got != "" {
			t.Errorf("If-None-Match is %q", got)
		}
		refuse(w, 412, "PreconditionFailed")
	})
	_, err := f.open(t).Put(t.Context(), "key", strings.NewReader("data"), storage.PutOptions{})
	if err == nil || errors.Is(err, storage.ErrPreconditionFailed) {
		t.Errorf("got %v", err)
	}
}

// The body is what it was, protected by a signed SHA-256, on http and https, in
// one piece of a known length.
func TestPutIsSigned(t *testing.T) {
	const data = "the body"
	sum := sha256.Sum256([]byte(data))
	for _, https := range []bool{false, true} {
		for _, checksum := range []Checksum{"", ChecksumNone, ChecksumSHA256} {
			for _, opts := range []storage.PutOptions{{}, {SHA256: &sum}, {IfAbsent: true}, {IfAbsent: true, SHA256: &sum}} {
				t.Run(fmt.Sprintf("https %t checksum %q if absent %t known %t", https, checksum, opts.IfAbsent, opts.SHA256 != nil), func(t *testing.T) {
					f := fakeHandler(t, func(http.ResponseWriter, *http.Request, int) {})
					var caFile string
					if https {
						f.StartTLS()
						caFile = certificateFile(t, f)
					} else {
						f.Start()
					}
					s := f.open(t, func(o *Options) { o.Checksum, o.CAFile = checksum, caFile })
					if _, err := s.Put(t.Context(), "key", strings.NewReader(data), opts); err != nil {
						t.Fatal(err)
					}
					r := f.seen()[0]
					if r.body != data || r.ContentLength != int64(len(data)) || len(r.TransferEncoding) > 0 {
						t.Errorf("sent %q, length %d, transfer encoding %q", r.body, r.ContentLength, r.TransferEncoding)
					}
					if got, want := r.Header.Get("X-Amz-Content-Sha256"), hex.EncodeToString(sum[:]); got != want {
						t.Errorf("payload hash is %q, want %q", got, want)
					}
					if got := r.Header.Get("Authorization"); !strings.Contains(got, "x-amz-content-sha256") {
						t.Errorf("the payload hash is not signed: %q", got)
					}
					wantChecksum := ""
					if checksum == ChecksumSHA256 {
						wantChecksum = base64.StdEncoding.EncodeToString(sum[:])
					}
					if got := r.Header.Get("X-Amz-Checksum-Sha256"); got != wantChecksum {
						t.Errorf("checksum header is %q, want %q", got, wantChecksum)
					}
					for _, name := range []string{
						"Content-Encoding", "X-Amz-Trailer", "X-Amz-Decoded-Content-Length", "X-Amz-Sdk-Checksum-Algorithm",
						"X-Amz-Checksum-Crc32", "X-Amz-Checksum-Crc64nvme",
					} {
						if got := r.Header.Get(name); got != "" {
							t.Errorf("%s is %q", name, got)
						}
					}
				})
			}
		}
	}
}

// certificateFile has the certificate of an https server.
func certificateFile(t *testing.T, f *fake) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestOptionsBecomeHeaders(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		if r.Method == http.MethodHead {
			w.Header().Set("Content-Length", "4")
		}
	})
	s := f.open(t, func(o *Options) { o.SSE, o.KMSKeyID, o.RequesterPays = "aws:kms", "some-key", true })
	for name, call := range calls {
		if err := call(t.Context(), s); err != nil && name != "list" { // an empty answer is no list
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, r := range f.seen() {
		if got := r.Header.Get("X-Amz-Request-Payer"); got != "requester" {
			t.Errorf("%s: request payer is %q", r.Method, got)
		}
		if r.Method == http.MethodPut {
			if got := r.Header.Get("X-Amz-Server-Side-Encryption"); got != "aws:kms" {
				t.Errorf("encryption is %q", got)
			}
			if got := r.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"); got != "some-key" {
				t.Errorf("key is %q", got)
			}
		}
	}
}

// A store that refuses before it has read a large body is heard.
func TestEarlyRefusalOfALargeBody(t *testing.T) {
	isolate(t)
	listener := listen(t, func(conn net.Conn) {
		// The head of the request, and not the body.
		_, _ = conn.Read(make([]byte, 4096))
		fmt.Fprint(conn, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		_, _ = io.CopyN(io.Discard, conn, 1<<20)
	})
	s := openOptions(t, Options{Bucket: "bucket", Endpoint: "http://" + listener, Timeouts: Timeouts{Idle: 5 * time.Second}})
	start := time.Now()
	_, err := s.Put(t.Context(), "key", bytes.NewReader(make([]byte, 32<<20)), storage.PutOptions{IfAbsent: true})
	if !errors.Is(err, storage.ErrPermission) {
		t.Errorf("got %v, want %v", err, storage.ErrPermission)
	}
	if elapsed := time.Since(start); elapsed > 4*time.Second {
		t.Errorf("it took %v", elapsed)
	}
}

// A store that takes no more bytes of an upload is given up.
func TestStalledUploadEnds(t *testing.T) {
	isolate(t)
	release := make(chan struct{})
	listener := listen(t, func(net.Conn) { <-release })
	defer close(release)
	s := openOptions(t, Options{Bucket: "bucket", Endpoint: "http://" + listener, Timeouts: Timeouts{Idle: 200 * time.Millisecond}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
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
		case <-time.After(3 * time.Second):
		}
	})
	s := f.open(t, func(o *Options) { o.Timeouts.Answer = 50 * time.Millisecond })
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			if err := call(t.Context(), s); err == nil || !strings.Contains(err.Error(), "no answer from the store") {
				t.Errorf("got %v", err)
			}
			if elapsed := time.Since(start); elapsed > 2*time.Second {
				t.Errorf("it took %v", elapsed)
			}
		})
	}
}

// With the defaults, an error comes in a time that a person waits.
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
		if elapsed := time.Since(start); elapsed > 15*time.Second {
			t.Errorf("%s: it took %v", name, elapsed)
		}
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

func TestErrorsAreShortAndComplete(t *testing.T) {
	for name, c := range map[string]struct {
		status   int
		code     string
		sentinel error
		want     string // of a put
	}{
		"denied":            {403, "AccessDenied", storage.ErrPermission, "put key: permission denied: AccessDenied: The text of AccessDenied (HTTP 403, request REQ1)"},
		"unauthorized":      {401, "Unauthorized", storage.ErrPermission, "put key: permission denied: Unauthorized: The text of Unauthorized (HTTP 401, request REQ1)"},
		"signature":         {400, "SignatureDoesNotMatch", storage.ErrPermission, "put key: permission denied: SignatureDoesNotMatch: The text of SignatureDoesNotMatch (HTTP 400, request REQ1)"},
		"expired":           {400, "ExpiredToken", storage.ErrPermission, "put key: permission denied: ExpiredToken: The text of ExpiredToken (HTTP 400, request REQ1)"},
		"no bucket":         {404, "NoSuchBucket", storage.ErrNoStore, "put key: bucket does not exist"},
		"other region":      {301, "PermanentRedirect", nil, "put key: PermanentRedirect: The text of PermanentRedirect (HTTP 301, request REQ1, the bucket is in region eu-west-9)"},
		"entity too":        {400, "EntityTooLarge", nil, "put key: EntityTooLarge: The text of EntityTooLarge (HTTP 400, request REQ1)"},
		"tried for nothing": {503, "SlowDown", nil, "put key: SlowDown: The text of SlowDown (HTTP 503, request REQ1, 4 attempts)"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header().Set("x-amz-bucket-region", "eu-west-9")
				refuse(w, c.status, c.code)
			})
			_, err := f.open(t).Put(t.Context(), "key", strings.NewReader("data"), storage.PutOptions{})
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if c.sentinel != nil && !errors.Is(err, c.sentinel) {
				t.Errorf("%v is not %v", err, c.sentinel)
			}
			var api smithy.APIError
			if !errors.As(err, &api) || api.ErrorCode() != c.code {
				t.Errorf("the SDK's error is not in %v", err)
			}
			var e *storage.Error
			if !errors.As(err, &e) || e.Op != storage.OpPut || e.Key != "key" {
				t.Errorf("got %#v", err)
			}
		})
	}
}

// The answer to a Head has no body, so all there is are status and headers.
func TestErrorsOfHead(t *testing.T) {
	for status, want := range map[int]string{
		301: "head key: MovedPermanently (HTTP 301, request REQ1, the bucket is in region eu-west-9)",
		400: "head key: BadRequest (HTTP 400, request REQ1, the bucket is in region eu-west-9)",
		403: "head key: permission denied: Forbidden (HTTP 403, request REQ1)",
		503: "head key: ServiceUnavailable (HTTP 503, request REQ1, 4 attempts)",
	} {
		f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("x-amz-bucket-region", "eu-west-9")
			w.Header().Set("x-amz-request-id", "REQ1")
			w.WriteHeader(status)
		})
		if _, err := f.open(t).Head(t.Context(), "key"); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}
