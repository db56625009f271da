package s3

import (
	"context"
	"crypto/fips140"
	"crypto/md5"
	"encoding/hex"
	"errors"
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

// CheckOrigin implements [storage.OriginChecker]. A body whose MD5 is its entity tag
// comes from the store, whatever it looks like. Any other body is foreign if it looks
// like something that no store sends, or if a Head contradicts it.
func (s *Store) CheckOrigin(ctx context.Context, key string) error {
	if err := driver.CheckCall(ctx, storage.OpGet, key); err != nil {
		return err
	}
	got, err := s.readSample(ctx, key)
	switch {
	case isNoSuchKey(err), errors.Is(err, storage.ErrNotExist):
		return nil // that may be wrong, but does not look like somebody else's answer
	case err != nil:
		return fail(ctx, storage.OpGet, key, err)
	case got.isKept:
		return nil
	}
	problem := got.describeForeign()
	if problem == "" {
		problem = s.compareWithHead(ctx, key, got)
	}
	if problem == "" {
		return nil
	}
	return &storage.Error{Op: storage.OpGet, Key: key, Err: foreignFailure(problem)}
}

// sample is what a Get shows of an object.
type sample struct {
	header http.Header
	start  []byte
	size   int64
	isKept bool // its entity tag is the MD5 of what arrived
}

const sampleBytes = 512 // of the beginning of the body

// readSample reads an object and keeps only its beginning.
func (s *Store) readSample(ctx context.Context, key string) (*sample, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	id, err := s.versionOf(ctx, key)
	if err != nil {
		return nil, err
	}
	out, err := s.client.GetObject(ctx, &awss3.GetObjectInput{
		Bucket: &s.options.Bucket, Key: s.objectKey(key), VersionId: id, RequestPayer: s.payer(),
	}, s.call(storage.OpGet))
	if err != nil {
		return nil, err
	}
	got := &sample{header: http.Header{}}
	if raw, ok := awsmiddleware.GetRawResponse(out.ResultMetadata).(*smithyhttp.Response); ok {
		got.header = raw.Header
	}
	var body io.ReadCloser = newDownload(out.Body, s.options.Timeouts.Idle, cancel)
	defer body.Close()
	got.start, err = io.ReadAll(io.LimitReader(body, sampleBytes))
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

// newMD5 returns an MD5, or a hash of nothing where MD5 must not be used.
func newMD5() hash.Hash {
	if fips140.Enabled() { // there it may panic
		return nothing{}
	}
	return md5.New()
}

// nothing is the hash of nothing.
type nothing struct{}

func (nothing) Write(p []byte) (int, error) { return len(p), nil }
func (nothing) Sum(b []byte) []byte         { return b }
func (nothing) Reset()                      {}
func (nothing) Size() int                   { return 0 }
func (nothing) BlockSize() int              { return 1 }

// chunk matches the beginning of a body that is still in the chunks of its upload.
var chunk = regexp.MustCompile(`^[0-9a-fA-F]{1,8}(;[^\r\n]{0,200})?\r\n`)

// describeForeign says why an answer cannot come from a store, by what it looks like;
// "" if it can.
func (g *sample) describeForeign() string {
	page := ""
	if p := pageOf(g.header, g.start); strings.HasPrefix(p, "a compressed") || p == "an HTML page" {
		page = p
	}
	if chunk.Match(g.start) {
		page = "a body that is still in chunks (aws-chunked)"
	}
	switch {
	case page != "" && (page != "an HTML page" || !hasS3Headers(g.header)):
		if page == "an HTML page" {
			return foreignText(page)
		}
		return changedText("it is " + page)
	case !hasS3Headers(g.header) && g.header.Get("Etag") == "":
		return foreignText("an answer without any sign of S3 (no ETag, no x-amz-request-id)")
	}
	return ""
}

// compareWithHead says how a Head contradicts what the Get has shown; "" if it does
// not.
func (s *Store) compareWithHead(ctx context.Context, key string, got *sample) string {
	id, err := s.versionOf(ctx, key)
	if err != nil {
		return ""
	}
	input := &awss3.HeadObjectInput{Bucket: &s.options.Bucket, Key: s.objectKey(key), VersionId: id, RequestPayer: s.payer()}
	out, err := s.client.HeadObject(ctx, input, s.call(storage.OpHead))
	if err != nil {
		return ""
	}
	tag := got.header.Get("Etag")
	switch {
	case out.ContentLength != nil && *out.ContentLength != got.size:
		return changedText(fmt.Sprintf("%d bytes arrive, and the object has %d", got.size, *out.ContentLength))
	case tag != "" && deref(out.ETag) != "" && strings.TrimPrefix(tag, "W/") != strings.TrimPrefix(*out.ETag, "W/"):
		return changedText("it is not of the object that the store has there")
	}
	return ""
}
