package s3

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

var _ storage.Clock = (*Store)(nil)

// Now implements [storage.Clock]: the Date of the answer to a list of one object below
// the prefix. A HEAD of the bucket would need the permission to list all of it.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	if err := driver.CheckCall(ctx, storage.OpList, ""); err != nil {
		return time.Time{}, err
	}
	out, err := s.client.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{
		Bucket: &s.options.Bucket, Prefix: &s.prefix, MaxKeys: aws.Int32(1), RequestPayer: s.payer(),
	}, s.call(storage.OpList))
	if err != nil {
		return time.Time{}, fail(ctx, storage.OpList, "", err)
	}
	if now := timeOf(out.ResultMetadata); !now.IsZero() {
		return now, nil
	}
	return time.Time{}, &storage.Error{Op: storage.OpList, Err: &failure{
		text: "the store's answers have no Date", sentinel: storage.ErrNoTime, err: storage.ErrNoTime,
	}}
}

// timeOf returns the Date of an answer, the zero time if it has none.
func timeOf(metadata middleware.Metadata) time.Time {
	raw, ok := awsmiddleware.GetRawResponse(metadata).(*smithyhttp.Response)
	if !ok {
		return time.Time{}
	}
	date, err := http.ParseTime(raw.Header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return date.UTC()
}
