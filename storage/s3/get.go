package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

// Get implements [storage.Storage]. A reader that receives no byte for [Timeouts].Idle
// fails.
func (s *Store) Get(ctx context.Context, key string, r storage.Range) (io.ReadCloser, storage.ObjectInfo, error) {
	if err := driver.CheckCall(ctx, storage.OpGet, key); err != nil {
		return nil, storage.ObjectInfo{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	body, info, err := s.get(ctx, cancel, key, r)
	if err != nil {
		err = fail(ctx, storage.OpGet, key, err)
		cancel(nil)
		return nil, storage.ObjectInfo{}, err
	}
	return body, info, nil
}

func (s *Store) get(
	ctx context.Context, cancel context.CancelCauseFunc, key string, r storage.Range,
) (io.ReadCloser, storage.ObjectInfo, error) {
	if r.Offset < 0 || r.Length < 0 {
		return nil, storage.ObjectInfo{}, storage.ErrInvalidRange
	}
	id, err := s.versionOf(ctx, key)
	if err != nil {
		return nil, storage.ObjectInfo{}, err
	}
	out, err := s.client.GetObject(ctx, &awss3.GetObjectInput{
		Bucket: &s.options.Bucket, Key: s.objectKey(key), VersionId: id, Range: rangeHeader(r), RequestPayer: s.payer(),
	}, s.call(storage.OpGet))
	if err != nil {
		return nil, storage.ObjectInfo{}, err
	}
	s.bucketSeen.Store(true)
	size, length, err := checkRange(out, r)
	if errors.Is(err, errNoLength) {
		size, err = s.askSize(ctx, key)
		length = size
	}
	if err != nil {
		cancel(err)
		_ = out.Body.Close() // nothing was read
		return nil, storage.ObjectInfo{}, err
	}
	info := storage.ObjectInfo{Key: key, Size: size, ModTime: deref(out.LastModified)}
	return driver.NewBody(ctx, key, newDownload(out.Body, s.options.Timeouts.Idle, cancel), length), info, nil
}

// rangeHeader returns the header that asks for r, none for the whole object: no range
// of an empty object is satisfiable.
func rangeHeader(r storage.Range) *string {
	if r == (storage.Range{}) {
		return nil
	}
	header := fmt.Sprintf("bytes=%d-", r.Offset)
	if r.Length > 0 && r.Length <= math.MaxInt64-r.Offset {
		header = fmt.Sprintf("bytes=%d-%d", r.Offset, r.Offset+r.Length-1)
	}
	return &header
}

// checkRange returns the size of the whole object and the length of the part in the
// body, if the answer shows that this part is r.
func checkRange(out *awss3.GetObjectOutput, r storage.Range) (size, length int64, err error) {
	if r == (storage.Range{}) {
		if out.ContentLength == nil {
			if encoded := deref(out.ContentEncoding); encoded != "" && encoded != "identity" && encoded != "aws-chunked" {
				return 0, 0, foreignError(fmt.Sprintf("a compressed body (Content-Encoding: %s) that nobody asked for", encoded))
			}
			return 0, 0, errNoLength
		}
		return *out.ContentLength, *out.ContentLength, nil
	}
	var first, last int64
	header := deref(out.ContentRange)
	if header == "" {
		return 0, 0, changedError("it has no Content-Range")
	}
	if _, err := fmt.Sscanf(header, "bytes %d-%d/%d", &first, &last, &size); err != nil {
		return 0, 0, fmt.Errorf("the store answered a range with Content-Range %q", header)
	}
	offset, length, err := r.Clip(size)
	if err != nil || offset != first || length != last-first+1 {
		return 0, 0, fmt.Errorf("the store answered %s with Content-Range %q", *rangeHeader(r), header)
	}
	return size, length, nil
}

// errNoLength: an answer does not say how long the object is. Some proxies remove that.
var errNoLength = errors.New("the store, or a proxy on the way to it, does not say how long the object is")

// askSize asks how long an object is whose Get or Head did not say it: the answer to a
// range says it in another header.
func (s *Store) askSize(ctx context.Context, key string) (int64, error) {
	id, err := s.versionOf(ctx, key)
	if err != nil {
		return 0, err
	}
	out, err := s.client.GetObject(ctx, &awss3.GetObjectInput{
		Bucket: &s.options.Bucket, Key: s.objectKey(key), VersionId: id, Range: aws.String("bytes=0-0"), RequestPayer: s.payer(),
	}, s.call(storage.OpGet))
	if httpStatus(err) == http.StatusRequestedRangeNotSatisfiable {
		return 0, nil // of an empty object
	}
	if err != nil {
		return 0, err
	}
	defer out.Body.Close()
	size, _, err := checkRange(out, storage.Range{Length: 1})
	if err != nil {
		return 0, errNoLength
	}
	return size, nil
}

// download is the body of an answer. It cancels its request when a read receives
// nothing for too long, and when it is closed.
type download struct {
	body   io.ReadCloser
	idle   time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

func newDownload(body io.ReadCloser, idle time.Duration, cancel context.CancelCauseFunc) *download {
	timer := time.AfterFunc(idle, func() { cancel(brokenOff{fmt.Errorf("no data from the store for %v", idle)}) })
	timer.Stop() // it runs only while somebody reads
	return &download{body, idle, timer, cancel}
}

func (d *download) Read(p []byte) (int, error) {
	d.timer.Reset(d.idle)
	defer d.timer.Stop()
	n, err := d.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = brokenOff{err}
	}
	return n, err
}

// brokenOff is the error of a body that ended early: another request may get the rest.
type brokenOff struct{ error }

func (b brokenOff) Is(target error) bool { return target == storage.ErrUnavailable }
func (b brokenOff) Unwrap() error        { return b.error }

func (d *download) Close() error {
	d.timer.Stop()
	d.cancel(nil)
	return d.body.Close()
}
