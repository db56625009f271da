package s3

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
)

// A store that has answered before is retried for longer than by the SDK: in a second
// there are more than the SDK's three attempts.
func TestPlainPutIsRetried(t *testing.T) {
	const many = 10
	for name, fail := range map[string]func(w http.ResponseWriter){
		"500":                              func(w http.ResponseWriter) { refuse(w, 500, "InternalError") },
		"503":                              func(w http.ResponseWriter) { refuse(w, 503, "SlowDown") },
		"dropped":                          drop,
		"its folder was removed meanwhile": func(w http.ResponseWriter) { refuse(w, 409, "ExistingObjectIsDirectory") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, _ *http.Request, n int) {
				if n < many {
					fail(w)
				}
			})
			var requests storage.Requests
			ctx := storage.CountRequests(t.Context(), &requests)
			body := strings.NewReader("before|data")
			if _, err := body.Seek(7, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			s := f.open(t)
			s.answered.Store(true)
			if _, err := s.Put(ctx, "key", body, storage.PutOptions{}); err != nil {
				t.Fatal(err)
			}
			if n := requests.Counts().Put; n != many {
				t.Errorf("counted %d attempts, want %d", n, many)
			}
			for i, r := range f.seen() {
				if r.body != "data" {
					t.Errorf("attempt %d sent %q", i+1, r.body)
				}
			}
		})
	}
}

// A store that is always busy is given up when the time is over, not after a number of
// attempts, whatever the environment says.
func TestRetriesEnd(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ int) { refuse(w, 503, "SlowDown") })
	t.Setenv("AWS_MAX_ATTEMPTS", "2")
	const total = 100 * time.Millisecond
	for name, call := range calls {
		if name == "create" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			before, began := len(f.seen()), time.Now()
			err := call(t.Context(), f.open(t, func(o *Options) { o.Timeouts.Total = total }))
			n := len(f.seen()) - before
			if !errors.Is(err, storage.ErrUnavailable) || !strings.Contains(err.Error(), fmt.Sprintf("%d attempts", n)) {
				t.Errorf("%d attempts: got %v", n, err)
			}
			if elapsed := time.Since(began); elapsed < total || elapsed > time.Minute {
				t.Errorf("%d attempts in %v", n, elapsed)
			}
		})
	}
}

// A body that cannot be read is not a failed connection.
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

// Whatever the answer, and whatever the environment says, a conditional put is sent
// once, and only 412 is a lost race.
func TestConditionalPutIsSentOnce(t *testing.T) {
	status := func(status int, code string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { refuse(w, status, code) }
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter) // nil: there is none
		want   error                     // nil: none of the sentinels
	}{
		"409":     {status(409, "ConditionalRequestConflict"), nil},
		"412":     {status(412, "PreconditionFailed"), storage.ErrPreconditionFailed},
		"404":     {status(404, "NoSuchKey"), nil},
		"403":     {status(403, "AccessDenied"), storage.ErrPermission},
		"500":     {status(500, "InternalError"), nil},
		"501":     {status(501, "NotImplemented"), errors.ErrUnsupported},
		"503":     {status(503, "SlowDown"), nil},
		"dropped": {drop, nil},
		"silent":  {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, r *http.Request, _ int) {
				if c.answer == nil {
					<-r.Context().Done()
					return
				}
				c.answer(w)
			})
			t.Setenv("AWS_MAX_ATTEMPTS", "10")
			t.Setenv("AWS_RETRY_MODE", "adaptive")
			s := f.open(t, func(o *Options) {
				if c.answer == nil {
					o.Timeouts.Answer = time.Second
				}
			})
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

// A put is proved only by a checksum of its bytes.
func TestProofs(t *testing.T) {
	large := strings.Repeat("x", maxMD5+1)
	sha := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return base64.StdEncoding.EncodeToString(sum[:])
	}
	tag := func(s string) string { return fmt.Sprintf(`"%x"`, md5.Sum([]byte(s))) }
	for name, c := range map[string]struct {
		body, tag, checksum string
		proved              bool
	}{
		"MD5":                       {"data", tag("data"), "", true},
		"MD5 without quotes":        {"data", strings.Trim(tag("data"), `"`), "", true},
		"nothing":                   {"data", "", "", false},
		"MD5 of something else":     {"data", tag("other"), "", false},
		"a tag of KMS":              {"data", `"` + strings.Repeat("0", 64) + `"`, "", false},
		"a tag of parts":            {"data", strings.Trim(tag("data"), `"`) + "-1", "", false},
		"SHA-256":                   {"data", "", sha("data"), true},
		"SHA-256 of something else": {"data", "", sha("other"), false},
		"MD5 of a large body":       {large, tag(large), "", false},
		"MD5 of an empty body":      {"", tag(""), "", true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				if c.tag != "" {
					w.Header().Set("ETag", c.tag)
				}
				if c.checksum != "" {
					w.Header().Set("X-Amz-Checksum-Sha256", c.checksum)
				}
			})
			s := f.open(t)
			const before = "what is before it in the reader"
			body := strings.NewReader(before + c.body)
			if _, err := body.Seek(int64(len(before)), io.SeekStart); err != nil {
				t.Fatal(err)
			}
			result, err := s.Put(t.Context(), "key", body, storage.PutOptions{IfAbsent: true})
			if err != nil {
				t.Fatal(err)
			}
			result.PutAt = time.Time{}
			if want := (storage.PutResult{Size: int64(len(c.body)), Proved: c.proved}); result != want {
				t.Errorf("got %+v, want %+v", result, want)
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

// The body arrives as it was, in one piece of a known length, protected by a signed
// SHA-256, over http and https.
func TestPutIsSigned(t *testing.T) {
	const data = "the body"
	sum := sha256.Sum256([]byte(data))
	for _, https := range []bool{false, true} {
		for _, checksum := range []Checksum{"", ChecksumNone, ChecksumSHA256} {
			for _, opts := range []storage.PutOptions{{}, {SHA256: &sum}, {IfAbsent: true}, {IfAbsent: true, SHA256: &sum}} {
				name := fmt.Sprintf("https %t checksum %q if absent %t known %t", https, checksum, opts.IfAbsent, opts.SHA256 != nil)
				t.Run(name, func(t *testing.T) {
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
		if err := call(t.Context(), s); err != nil && name != "list" { // an empty answer is not a list
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
