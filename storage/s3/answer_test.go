package s3

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
)

// page returns a handler that answers with body and headers, which are given in pairs.
func page(status int, body string, header ...string) func(w http.ResponseWriter, r *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			fmt.Fprint(w, body)
		}
	}
}

const html = "<!DOCTYPE html>\n<html><body>Please log in.</body></html>"

// s3Error returns a handler that answers with an error like those of stores.
func s3Error(status int, code, message, more string) func(w http.ResponseWriter, r *http.Request) {
	return page(status, "<?xml version=\"1.0\"?>\n<Error><Code>"+code+"</Code><Message>"+message+"</Message>"+more+"</Error>",
		"Content-Type", "application/xml", "X-Amz-Request-Id", "REQ1")
}

// TestWrongAnswers: bad answers have the right cause, are retried or not, and none is
// taken for the absence of an object.
func TestWrongAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		answer   func(w http.ResponseWriter, r *http.Request)
		of       string // the names of the calls, all if empty
		kind     error
		requests int
		words    string
		want     storage.Answer
	}{
		"archive tier": {
			s3Error(403, "InvalidObjectState", "It is in Glacier.", ""), "get", storage.ErrRefused, 1, "InvalidObjectState",
			storage.Answer{Status: 403, Code: "InvalidObjectState"},
		},
		"quota": {
			s3Error(403, "QuotaExceeded", "", ""), "create put", storage.ErrFull, 1, "QuotaExceeded",
			storage.Answer{Status: 403, Code: "QuotaExceeded"},
		},
		"minio quota": {
			s3Error(400, "XMinioAdminBucketQuotaExceeded", "", ""), "create put", storage.ErrFull, 1, "Quota",
			storage.Answer{Status: 400, Code: "XMinioAdminBucketQuotaExceeded"},
		},
		"full": {
			s3Error(507, "XMinioStorageFull", "", ""), "create put", storage.ErrFull, 1, "StorageFull",
			storage.Answer{Status: 507, Code: "XMinioStorageFull"},
		},
		"clock": {
			s3Error(403, "RequestTimeTooSkewed", "", ""), "get put", storage.ErrSettings, 1, "RequestTimeTooSkewed",
			storage.Answer{Status: 403, Code: "RequestTimeTooSkewed"},
		},
		"unknown 403": {
			s3Error(403, "SomethingNew", "", ""), "get put list", storage.ErrRefused, 1, "SomethingNew",
			storage.Answer{Status: 403, Code: "SomethingNew"},
		},
		"denied": {
			s3Error(403, "AccessDenied", "", ""), "get put list", storage.ErrPermission, 1, "AccessDenied",
			storage.Answer{Status: 403, Code: "AccessDenied"},
		},
		"region": {
			s3Error(400, "AuthorizationHeaderMalformed", "wrong", "<Region>eu-west-9</Region>"), "get put list", storage.ErrSettings, 1, "eu-west-9",
			storage.Answer{Status: 400, Code: "AuthorizationHeaderMalformed", Region: "eu-west-9"},
		},
		"redirect": {
			page(301, "", "Location", "https://user:SECRET@elsewhere.example/path?token=SECRET#SECRET"),
			"get put list", storage.ErrSettings, 1, "https://elsewhere.example/path",
			storage.Answer{Status: 301, Location: "https://elsewhere.example/path"},
		},
		"redirect to login": {
			page(302, html, "Location", "/login", "Content-Type", "text/html"), "", storage.ErrSettings, 1, "/login",
			storage.Answer{Status: 302, Location: "/login"},
		},
		"too large": {
			page(413, "<html><h1>413 Request Entity Too Large</h1></html>", "Content-Type", "text/html"), "put", storage.ErrSettings, 1, "HTTP 413",
			storage.Answer{Status: 413, Page: "an HTML page"},
		},
		"wants https": {
			page(400, "Client sent an HTTP request to an HTTPS server.\n", "Content-Type", "text/plain"),
			"get put list", storage.ErrSettings, 1, "HTTP 400",
			storage.Answer{Status: 400, Page: "plain text"},
		},
		"nginx wants https": {
			page(400, "<html><center>The plain HTTP request was sent to HTTPS port</center></html>", "Content-Type", "text/html"),
			"get put list", storage.ErrSettings, 1, "HTTP 400",
			storage.Answer{Status: 400, Page: "an HTML page"},
		},
		"HTML for a 404": {
			page(404, html, "Content-Type", "text/html"), "get list", storage.ErrForeign, 1, "an HTML page",
			storage.Answer{Status: 404, Page: "an HTML page"},
		},
		"text for a 404": {
			page(404, "404 page not found\n", "Content-Type", "text/plain"), "get", storage.ErrForeign, 1, "plain text",
			storage.Answer{Status: 404, Page: "plain text"},
		},
		"JSON for a 404": {
			page(404, `{"error":"not found"}`, "Content-Type", "application/json"), "get", storage.ErrForeign, 1, "JSON",
			storage.Answer{Status: 404, Page: "JSON"},
		},
		"HTML head of 404": {
			page(404, "", "Content-Type", "text/html"), "head", storage.ErrForeign, 1, "an HTML page",
			storage.Answer{Status: 404, Page: "an HTML page"},
		},
		"HTML for a 403": {
			page(403, html, "Content-Type", "text/html"), "get put list", storage.ErrForeign, 1, "an HTML page",
			storage.Answer{Status: 403, Page: "an HTML page"},
		},
		"HTML with 200": {
			page(200, html, "Content-Type", "text/html; charset=utf-8"), "list head put", storage.ErrForeign, 1, "an HTML page",
			storage.Answer{Status: 200, Page: "an HTML page"},
		},
		"HTML as XML": {
			page(200, html, "Content-Type", "application/xml"), "list", storage.ErrForeign, 1, "an HTML page",
			storage.Answer{Status: 200, Page: "an HTML page"},
		},
		"other XML": {
			page(200, "<feed></feed>", "Content-Type", "application/xml"), "list", storage.ErrForeign, 1, "XML that is not S3's",
			storage.Answer{Status: 200, Page: "XML that is not S3's"},
		},
		"gzip": {
			page(200, "\x1f\x8b\x08\x00", "Content-Encoding", "gzip"), "list", storage.ErrForeign, 1, "compressed",
			storage.Answer{Status: 200, Page: "a compressed body (Content-Encoding: gzip) that nobody asked for"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for call, ask := range calls {
				if c.of != "" && !strings.Contains(c.of, call) {
					continue
				}
				f := newFake(t, func(w http.ResponseWriter, r *http.Request, _ int) { c.answer(w, r) })
				err := ask(t.Context(), f.open(t))
				e, ok := errors.AsType[*storage.Error](err)
				if !ok || e.Answer == nil {
					t.Fatalf("%s: got %#v", call, err)
				}
				got := *e.Answer
				got.Attempts, got.Elapsed, got.Message, got.RequestID = 0, 0, "", ""
				if c.of == "" {
					got.Page, got.Code = "", ""
				}
				if got.Status >= 300 && got.Status < 400 {
					got.Code = "" // the SDK makes it from the status
				}
				if got != c.want {
					t.Errorf("%s: the answer is %+v, want %+v", call, got, c.want)
				}
				for _, kind := range []error{
					storage.ErrForeign, storage.ErrFull, storage.ErrSettings, storage.ErrRefused,
					storage.ErrPermission, storage.ErrUnavailable, storage.ErrNotExist,
				} {
					if errors.Is(err, kind) != (kind == c.kind) { //nolint:errorlint // identity is meant
						t.Errorf("%s: %v is %v: %t", call, err, kind, errors.Is(err, kind))
					}
				}
				if n := len(f.seen()); n != c.requests {
					t.Errorf("%s: %d requests, want %d", call, n, c.requests)
				}
				if !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "SECRET") {
					t.Errorf("%s: got %v", call, err)
				}
			}
		})
	}
}

// TestHopelessErrorsAreNotRetried: with these settings no call can succeed.
func TestHopelessErrorsAreNotRetried(t *testing.T) {
	var asked int
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { asked++; w.WriteHeader(500) })
	for name, c := range map[string]struct {
		endpoint func(plain, secure string) string
		words    string
	}{
		"unknown authority": {func(_, secure string) string { return secure }, "certificate"},
		"https to http": {
			func(plain, _ string) string { return strings.Replace(plain, "http://", "https://", 1) },
			"server gave HTTP response to HTTPS client",
		},
		"http to https": {func(_, secure string) string { return strings.Replace(secure, "https://", "http://", 1) }, "HTTP 400"},
		"unknown host":  {func(_, _ string) string { return "http://gbak-no-such-host.invalid" }, "no such host"},
	} {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			plain, secure := httptest.NewServer(handler), httptest.NewUnstartedServer(handler)
			secure.Config.ErrorLog = log.New(io.Discard, "", 0)
			secure.StartTLS()
			defer plain.Close()
			defer secure.Close()
			s := openOptions(t, Options{Bucket: "bucket", Endpoint: c.endpoint(plain.URL, secure.URL), maxBackoff: time.Millisecond})
			_, err := s.Head(t.Context(), "key")
			if name == "http to https" {
				err = calls["get"](t.Context(), s) // the answer to a Head has no body
			}
			e, ok := errors.AsType[*storage.Error](err)
			if !ok || e.Answer == nil || e.Answer.Attempts != 1 || !strings.Contains(err.Error(), c.words) {
				t.Fatalf("got %v", err)
			}
			if settings := errors.Is(err, storage.ErrSettings); settings != (name != "unknown host") {
				t.Errorf("%v is %v: %t", err, storage.ErrSettings, settings)
			}
		})
	}
	if asked > 0 {
		t.Errorf("%d requests arrived", asked)
	}
}

// TestWhiteSpaceInSettings: nothing is sent with a key that no store can have issued.
func TestWhiteSpaceInSettings(t *testing.T) {
	for variable, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE\n", "AWS_SECRET_ACCESS_KEY": "must-not-show ", "AWS_SESSION_TOKEN": "\tmust-not-show",
	} {
		isolate(t)
		t.Setenv(variable, value)
		_, err := Open(t.Context(), Options{Bucket: "bucket", Endpoint: "http://127.0.0.1:1"})
		if !errors.Is(err, storage.ErrSettings) ||
			!strings.Contains(err.Error(), variable+" has white space") || strings.Contains(err.Error(), "show") {
			t.Errorf("%s: got %v", variable, err)
		}
	}
	for variable, value := range map[string]string{"AWS_REGION": "us-east-1\n", "AWS_ENDPOINT_URL": "http://127.0.0.1:1\n"} {
		isolate(t)
		t.Setenv(variable, value)
		_, err := Open(t.Context(), Options{Bucket: "bucket"})
		if _, ok := errors.AsType[*AddressError](err); !ok || !strings.Contains(err.Error(), variable) {
			t.Errorf("%s: got %v", variable, err)
		}
	}
}

// TestChecksumIsAddedWhereRequired: a bucket with object lock refuses a put without a
// checksum. It is sent again with one, and all later ones have one from the start.
func TestChecksumIsAddedWhereRequired(t *testing.T) {
	for _, message := range []string{
		"Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters",
		"Missing required header for this request: Content-MD5",
	} {
		f := newFake(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			if r.Header.Get("X-Amz-Checksum-Sha256") == "" {
				s3Error(400, "InvalidRequest", message, "")(w, r)
			}
		})
		s := f.open(t)
		put(t, s, "one", "data")
		if err := create(t.Context(), s, "two", "data"); err != nil {
			t.Error(err)
		}
		seen := f.seen()
		if len(seen) != 3 || seen[1].body != "data" || seen[2].Header.Get("If-None-Match") != "*" {
			t.Errorf("%d requests", len(seen))
		}
		none := f.open(t, func(o *Options) { o.Checksum = ChecksumNone })
		if err := create(t.Context(), none, "three", "data"); err == nil {
			t.Error("a checksum was sent against the user's will")
		}
	}
}

// TestMissingLength: a proxy may remove the length; the answer to a range has it.
func TestMissingLength(t *testing.T) {
	for _, content := range []string{"the content", ""} {
		f := newFake(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			w.Header().Set("ETag", `"x"`)
			if r.Header.Get("Range") == "" {
				w.(http.Flusher).Flush() // which makes it chunked
				fmt.Fprint(w, content)
				return
			}
			if content == "" {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				return
			}
			w.Header().Set("Content-Range", "bytes 0-0/"+strconv.Itoa(len(content)))
			w.WriteHeader(http.StatusPartialContent)
			fmt.Fprint(w, content[:1])
		})
		s := f.open(t)
		if got := read(t, s, "key"); got != content {
			t.Errorf("got %q, want %q", got, content)
		}
		if info, err := s.Head(t.Context(), "key"); err != nil || info.Size != int64(len(content)) {
			t.Errorf("got %+v, %v", info, err)
		}
	}
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.(http.Flusher).Flush()
		fmt.Fprint(w, "x")
	})
	if err := calls["get"](t.Context(), f.open(t)); err == nil || !strings.Contains(err.Error(), "a proxy on the way") {
		t.Errorf("got %v", err)
	}
}
