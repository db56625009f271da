package s3

import (
	"context"
	"crypto/fips140"
	"crypto/md5" //nolint:gosec // it is what stores use
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"regexp"
	"strings"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

var _ storage.OriginChecker = (*Store)(nil)

// CheckOrigin implements [storage.OriginChecker]. A body whose MD5 is its entity tag is the
// store's, whatever it looks like. Else what speaks against it is what it looks
// like, and a Head that says something else of the object.
func (s *Store) CheckOrigin(ctx context.Context, key string) error {
	if err := driver.CheckCall(ctx, storage.OpGet, key); err != nil {
		return err
	}
	got, err := s.look(ctx, key)
	switch {
	case isNoSuchKey(err):
		return nil // as little as that can be trusted now, it is no word of somebody else
	case err != nil:
		return fail(ctx, storage.OpGet, key, err)
	case got.isKept:
		return nil
	}
	problem := got.problem()
	if problem == "" {
		problem = s.contradiction(ctx, key, got)
	}
	if problem == "" {
		return nil
	}
	return &storage.Error{Op: storage.OpGet, Key: key, Err: &failure{text: problem, sentinel: storage.ErrForeign, err: storage.ErrForeign}}
}

// sight is what a Get shows of an object.
type sight struct {
	header http.Header
	start  []byte
	size   int64
	isKept bool // its entity tag is the MD5 of what has arrived
}

const sightBytes = 512

// look gets an object and keeps nothing of it but its beginning.
func (s *Store) look(ctx context.Context, key string) (*sight, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out, err := s.client.GetObject(ctx, &awss3.GetObjectInput{
		Bucket: &s.options.Bucket, Key: s.objectKey(key), RequestPayer: s.payer(),
	}, s.call(storage.OpGet))
	if err != nil {
		return nil, err
	}
	got := &sight{header: http.Header{}}
	if raw, ok := awsmiddleware.GetRawResponse(out.ResultMetadata).(*smithyhttp.Response); ok {
		got.header = raw.Header
	}
	body := newDownload(out.Body, s.options.Timeouts.Idle, cancel)
	defer body.Close() //nolint:errcheck // it was only read
	got.start, err = io.ReadAll(io.LimitReader(body, sightBytes))
	if err != nil {
		return nil, err
	}
	digest := newMD5()
	_, _ = digest.Write(got.start) // a hash cannot fail
	rest, err := io.Copy(digest, body)
	if err != nil {
		return nil, err
	}
	got.size = int64(len(got.start)) + rest
	want, err := hex.DecodeString(strings.Trim(deref(out.ETag), `"`))
	got.isKept = err == nil && len(want) == md5.Size && string(digest.Sum(nil)) == string(want)
	return got, nil
}

// newMD5 is a hash that is MD5 where that may be used.
func newMD5() hash.Hash {
	if fips140.Enabled() { // there it may panic
		return nothing{}
	}
	return md5.New() //nolint:gosec // it is what stores use
}

// nothing is the hash of nothing.
type nothing struct{}

func (nothing) Write(p []byte) (int, error) { return len(p), nil }
func (nothing) Sum(b []byte) []byte         { return b }
func (nothing) Reset()                      {}
func (nothing) Size() int                   { return 0 }
func (nothing) BlockSize() int              { return 1 }

// chunk is how a body begins that still is in the chunks in which it was sent.
var chunk = regexp.MustCompile(`^[0-9a-fA-F]{1,8}(;[^\r\n]{0,200})?\r\n`)

// problem says why an answer is none of a store, by itself.
func (g *sight) problem() string {
	page := ""
	if p := pageOf(g.header, g.start); strings.HasPrefix(p, "a compressed") || p == "an HTML page" {
		page = p
	}
	if chunk.Match(g.start) {
		page = "a body that is still in chunks (aws-chunked)"
	}
	switch {
	case page != "" && (page != "an HTML page" || !isSigned(g.header)):
		if page == "an HTML page" {
			return foreignText(page)
		}
		return "the store's answer is changed on the way: it is " + page
	case !isSigned(g.header) && g.header.Get("Etag") == "":
		return foreignText("an answer without any sign of S3 (no ETag, no x-amz-request-id)")
	}
	return ""
}

// contradiction says in what a Head says something else than the Get has.
func (s *Store) contradiction(ctx context.Context, key string, got *sight) string {
	out, err := s.client.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &s.options.Bucket, Key: s.objectKey(key), RequestPayer: s.payer()}, s.call(storage.OpHead))
	if err != nil {
		return ""
	}
	tag := got.header.Get("Etag")
	switch {
	case out.ContentLength != nil && *out.ContentLength != got.size:
		return fmt.Sprintf("the store's answer is changed on the way: %d bytes arrive, and the object has %d", got.size, *out.ContentLength)
	case tag != "" && deref(out.ETag) != "" && strings.TrimPrefix(tag, "W/") != strings.TrimPrefix(*out.ETag, "W/"):
		return "the store's answer is changed on the way: it is not of the object that the store has there"
	}
	return ""
}
