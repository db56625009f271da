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

// sniffed is what the raw answer to an attempt shows, before the SDK reads it.
type sniffed struct {
	page  string // what the body is, if no store sends such a thing
	start []byte // the beginning of the body of an error
}

// maxErrorBody is how much is read of the body of an error.
const maxErrorBody = 64 << 10

// sniff looks at an answer before the SDK does. It returns an error if the answer does
// not come from a store. The body of a Get may be anything, so that is decided later,
// see [Store.CheckOrigin].
func (s *sniffed) sniff(op storage.Op, resp *http.Response) error {
	*s = sniffed{}
	if resp.StatusCode >= 300 {
		start, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // as much as arrives
		_ = resp.Body.Close()                                           // the rest does not matter
		resp.Body = io.NopCloser(bytes.NewReader(start))
		s.start, s.page = start, pageOf(resp.Header, start)
		return nil
	}
	switch {
	case op == storage.OpList, isBatch(resp):
		start, err := peek(resp, 1<<10)
		if err != nil || len(bytes.TrimSpace(start)) == 0 {
			return nil //nolint:nilerr // the SDK meets the error again; an empty answer is handled later
		}
		if bytes.Contains(start, []byte("ListBucketResult")) || bytes.Contains(start, []byte("ListVersionsResult")) || bytes.Contains(start, []byte("DeleteResult")) ||
			bytes.Contains(start, []byte("<Error")) {
			return nil
		}
		s.page = pageOf(resp.Header, start)
		if s.page == "" {
			s.page = "XML that is not S3's"
		}
	case op == storage.OpHead, op == storage.OpPut, op == storage.OpDelete:
		if !hasS3Headers(resp.Header) && resp.Header.Get("Etag") == "" {
			s.page = pageOf(resp.Header, nil)
		}
	}
	if s.page == "" {
		return nil
	}
	return foreignError(s.page)
}

// isBatch reports whether resp answers a DeleteObjects, the only request with this
// method.
func isBatch(resp *http.Response) bool {
	return resp.Request != nil && resp.Request.Method == http.MethodPost
}

func foreignText(page string) string { return "what answers is not an S3 store: it sends " + page }
func changedText(how string) string  { return "the store's answer was changed on the way: " + how }

// foreignError is the error for an answer that does not come from a store.
func foreignError(page string) error { return foreignFailure(foreignText(page)) }

// changedError is the error for an answer of the store that something has changed.
func changedError(how string) error { return foreignFailure(changedText(how)) }

func foreignFailure(text string) error {
	return &failure{text: text, sentinel: storage.ErrForeign, err: storage.ErrForeign}
}

// peek returns the first n bytes of a body, which is whole again afterwards.
func peek(resp *http.Response, n int64) ([]byte, error) {
	start, err := io.ReadAll(io.LimitReader(resp.Body, n))
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), resp.Body), resp.Body}
	return start, err
}

// pageOf says what a body is that begins with start, "" if a store may have sent it.
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
		return "XML that is not S3's"
	}
	return ""
}

// encoding returns the Content-Encoding that changes a body, "" if there is none. In
// some stores aws-chunked stays in the metadata of objects, although they decode it.
func encoding(header http.Header) string {
	var found []string
	for part := range strings.SplitSeq(strings.ToLower(header.Get("Content-Encoding")), ",") {
		if part = strings.TrimSpace(part); part != "" && part != "identity" && part != "aws-chunked" {
			found = append(found, part)
		}
	}
	return strings.Join(found, ",")
}

// hasS3Headers reports whether an answer has headers that only S3 has.
func hasS3Headers(header http.Header) bool {
	for name := range header {
		if strings.HasPrefix(name, "X-Amz-") {
			return true
		}
	}
	return false
}

// attempted is the error of a call, with what its last answer showed.
type attempted struct {
	err     error
	sniffed sniffed
	count   int
	elapsed time.Duration
}

func (a *attempted) Error() string { return a.err.Error() }
func (a *attempted) Unwrap() error { return a.err }

var regionElement = regexp.MustCompile(`<Region>([a-z0-9-]{1,40})</Region>`)

// answerOf returns what err knows of the store's answer, nil if nothing was sent.
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
	a.Status, a.RequestID, a.Page = answer.HTTPStatusCode(), answer.ServiceRequestID(), at.sniffed.page
	if api, ok := errors.AsType[smithy.APIError](err); ok && a.Page == "" {
		a.Code, a.Message = api.ErrorCode(), api.ErrorMessage()
	}
	if answer.Response == nil {
		return a
	}
	if isAboutRegion(a.Status, a.Code) {
		a.Region = answer.Response.Header.Get("X-Amz-Bucket-Region")
		if found := regionElement.FindSubmatch(at.sniffed.start); a.Region == "" && found != nil {
			a.Region = string(found[1])
		}
	}
	if a.Status >= 300 && a.Status < 400 {
		a.Location = withoutSecrets(answer.Response.Header.Get("Location"))
	}
	return a
}

// withoutSecrets returns the part of a URL that may be shown.
func withoutSecrets(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment, u.ForceQuery = nil, "", "", false
	return u.String()
}
