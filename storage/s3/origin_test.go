package s3

import (
	"crypto/md5"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
)

// TestCheckOrigin: an object that the store keeps is its own, whatever it looks like.
func TestCheckOrigin(t *testing.T) {
	tag := func(body string) string { return fmt.Sprintf(`"%x"`, md5.Sum([]byte(body))) }
	const opaque = `"0123456789abcdef0123456789abcdef-2"`
	for name, c := range map[string]struct {
		get, head func(w http.ResponseWriter, r *http.Request)
		words     string // "" if the bytes come from the store
	}{
		"rotten": {
			page(200, "rotten", "ETag", opaque, "X-Amz-Request-Id", "1"),
			page(200, "", "ETag", opaque, "Content-Length", "6"), "",
		},
		"empty":              {page(200, "", "ETag", tag("")), nil, ""},
		"truncated":          {page(200, "trunc", "ETag", tag("trunc")), nil, ""},
		"HTML in the bucket": {page(200, html, "ETag", tag(html), "Content-Type", "text/html"), nil, ""},
		"HTML in parts, of S3": {
			page(200, html, "ETag", opaque, "Content-Type", "text/html", "X-Amz-Request-Id", "1"),
			page(200, "", "ETag", opaque, "Content-Length", strconv.Itoa(len(html))), "",
		},
		"chunks in the bucket": {page(200, "5;chunk-signature=00\r\nhello\r\n", "ETag", tag("5;chunk-signature=00\r\nhello\r\n")), nil, ""},
		"gone meanwhile":       {s3Error(404, "NoSuchKey", "", ""), nil, ""},
		"HTML":                 {page(200, html, "Content-Type", "text/html"), nil, "an HTML page"},
		"HTML from a web server": {
			page(200, html, "Content-Type", "text/html", "ETag", `"65f-267"`, "Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT"),
			nil, "an HTML page",
		},
		"HTML without a type": {page(200, html, "Content-Type", "application/octet-stream"), nil, "an HTML page"},
		"empty, of nobody":    {page(200, ""), nil, "without any sign of S3"},
		"text, of nobody":     {page(200, "upstream is down", "Content-Type", "text/plain"), nil, "without any sign of S3"},
		"gzip":                {page(200, "\x1f\x8b\x08 and more", "ETag", "W/"+opaque, "Content-Encoding", "gzip"), nil, "compressed"},
		"gzip without a word": {page(200, "\x1f\x8b\x08 and more", "ETag", opaque), nil, "compressed"},
		"brotli":              {page(200, "whatever", "ETag", opaque, "Content-Encoding", "br"), nil, "compressed"},
		"chunks": {
			page(200, "5;chunk-signature=00\r\nhello\r\n0\r\n", "ETag", opaque, "Content-Encoding", "aws-chunked"),
			nil, "in chunks",
		},
		"longer than it is": {
			page(200, "data and a banner", "ETag", opaque, "X-Amz-Request-Id", "1"),
			page(200, "", "ETag", opaque, "Content-Length", "4"), "17 bytes arrive, and the object has 4",
		},
		"another object's answer": {
			page(200, "data", "ETag", `"1-1"`, "X-Amz-Request-Id", "1"),
			page(200, "", "ETag", `"2-1"`, "Content-Length", "4"), "not of the object",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, r *http.Request, _ int) {
				if r.Method == http.MethodHead && c.head != nil {
					c.head(w, r)
					return
				}
				c.get(w, r)
			})
			err := f.open(t).CheckOrigin(t.Context(), "key")
			if c.words == "" {
				if err != nil {
					t.Errorf("it is called %v", err)
				}
				return
			}
			if !errors.Is(err, storage.ErrForeign) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("got %v, want %q", err, c.words)
			}
		})
	}
}
