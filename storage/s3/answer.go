package s3

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/gbak-s3/gbak-s3/storage"
)

// heard is what the wire has said to the last attempt of a call.
type heard struct {
	page  string // what the body is, if it is nothing that a store says
	start []byte // the beginning of the body of an error
}

// maxErrorBody is how much is read of the body of an error.
const maxErrorBody = 64 << 10

// listen looks at an answer before the SDK does. An error says that it is none of
// a store: of what a Get brings this is decided later, since an object may be
// anything, see [Store.CheckOrigin].
func (h *heard) listen(op storage.Op, resp *http.Response) error {
	*h = heard{}
	if resp.StatusCode >= 300 {
		start, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // what has arrived has to do
		_ = resp.Body.Close()                                           // what follows is of no interest
		resp.Body = io.NopCloser(bytes.NewReader(start))
		h.start, h.page = start, pageOf(resp.Header, start)
		return nil
	}
	switch op {
	case storage.OpList:
		start, err := peek(resp, 1<<10)
		if err != nil || len(bytes.TrimSpace(start)) == 0 || bytes.Contains(start, []byte("ListBucketResult")) || bytes.Contains(start, []byte("<Error")) {
			return nil //nolint:nilerr // the SDK meets it again, and an empty answer is told apart later
		}
		h.page = pageOf(resp.Header, start)
		if h.page == "" {
			h.page = "XML that is none of S3"
		}
	case storage.OpHead, storage.OpPut, storage.OpDelete:
		if !isSigned(resp.Header) && resp.Header.Get("Etag") == "" {
			h.page = pageOf(resp.Header, nil)
		}
	}
	if h.page == "" {
		return nil
	}
	return foreign(h.page)
}

func foreignText(page string) string { return "what answers is no S3 store: it sends " + page }

// foreign is the error for an answer that is none of a store.
func foreign(page string) error {
	return &failure{text: foreignText(page), sentinel: storage.ErrForeign, err: storage.ErrForeign}
}

// peek gives the first bytes of a body, which is whole again afterwards.
func peek(resp *http.Response, n int64) ([]byte, error) {
	start, err := io.ReadAll(io.LimitReader(resp.Body, n))
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), resp.Body), resp.Body}
	return start, err
}

// pageOf says what a body is that begins so, "" if a store may have sent it.
func pageOf(header http.Header, start []byte) string {
	zipped := bytes.HasPrefix(start, []byte("\x1f\x8b"))
	start = bytes.ToLower(bytes.TrimSpace(bytes.TrimPrefix(start, []byte("\xef\xbb\xbf"))))
	kind := strings.ToLower(header.Get("Content-Type"))
	switch {
	case encoding(header) != "":
		return fmt.Sprintf("a compressed body (Content-Encoding: %s) that nobody asked for", encoding(header))
	case zipped:
		return "a compressed body that nobody asked for"
	case strings.HasPrefix(kind, "text/html"), bytes.HasPrefix(start, []byte("<!doctype html")), bytes.HasPrefix(start, []byte("<html")):
		return "an HTML page"
	case len(start) == 0:
		return ""
	case strings.HasPrefix(kind, "application/json"), start[0] == '{':
		return "JSON"
	case start[0] != '<':
		return "plain text"
	case !bytes.Contains(start, []byte("<error")):
		return "XML that is none of S3"
	}
	return ""
}

// encoding is the Content-Encoding that changes a body, "" if there is none:
// aws-chunked stays in the metadata of objects in some stores, which decode them.
func encoding(header http.Header) string {
	var found []string
	for part := range strings.SplitSeq(strings.ToLower(header.Get("Content-Encoding")), ",") {
		if part = strings.TrimSpace(part); part != "" && part != "identity" && part != "aws-chunked" {
			found = append(found, part)
		}
	}
	return strings.Join(found, ",")
}

// isSigned reports whether an answer has headers that only S3 has.
func isSigned(header http.Header) bool {
	for name := range header {
		if strings.HasPrefix(name, "X-Amz-") {
			return true
		}
	}
	return false
}

// attempted is the error of a call with what was heard.
type attempted struct {
	err     error
	heard   heard
	count   int
	elapsed time.Duration
}

func (a *attempted) Error() string { return a.err.Error() }
func (a *attempted) Unwrap() error { return a.err }

var regionElement = regexp.MustCompile(`<Region>([a-z0-9-]{1,40})</Region>`)

// answerOf gives what err knows of the store's answer, nil if nothing was sent.
func answerOf(err error) *storage.Answer {
	at, ok := errors.AsType[*attempted](err)
	if !ok || at.count == 0 {
		return nil
	}
	a := &storage.Answer{Attempts: at.count, Elapsed: at.elapsed}
	answer, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok || answer.HTTPStatusCode() == 0 {
		return a
	}
	a.Status, a.RequestID, a.Page = answer.HTTPStatusCode(), answer.ServiceRequestID(), at.heard.page
	if api, ok := errors.AsType[smithy.APIError](err); ok && a.Page == "" {
		a.Code, a.Message = api.ErrorCode(), api.ErrorMessage()
	}
	if answer.Response == nil {
		return a
	}
	if isAboutRegion(a.Status, a.Code) {
		a.Region = answer.Response.Header.Get("X-Amz-Bucket-Region")
		if found := regionElement.FindSubmatch(at.heard.start); a.Region == "" && found != nil {
			a.Region = string(found[1])
		}
	}
	if a.Status >= 300 && a.Status < 400 {
		a.Location = withoutSecrets(answer.Response.Header.Get("Location"))
	}
	return a
}

// withoutSecrets is the part of a URL that may be shown.
func withoutSecrets(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment, u.ForceQuery = nil, "", "", false
	return u.String()
}
