// Package s3 keeps objects in S3 and in every store that speaks its protocol. It is the
// only package of this module that uses the AWS SDK.
//
// An address such as s3://bucket/prefix?endpoint=https://host names a store, see
// [ParseAddress]. A call is one method of [Store]; it makes one or more attempts, each
// of them one request. What answers may not be the store but something on the way, such
// as a proxy: such an answer is foreign, [storage.ErrForeign].
//
// The SDK and the stores do some things differently from what one would expect. That
// was measured, and comments say where it matters. In short: the SDK retries
// conditional puts, so here they get one attempt; it gives up other calls after three
// attempts, so here they have a time limit; it leaves bodies unsigned over https, so
// here the SHA-256 of the body is always the signed payload hash; it waits without an
// end, so here every wait has a timeout.
package s3

import (
	"context"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

// Store is a [storage.Storage] in a bucket, below a prefix. It sends the condition of a
// conditional Put, but cannot make the store honour it: some stores ignore it.
//
// Errors wrap those of the SDK. As long as the ctx of a call has not ended, a
// [context.DeadlineExceeded] among them means that a timeout of [Timeouts] expired.
type Store struct {
	*connection
	options Options // timeouts with their defaults
	prefix  string  // "" or with a slash at the end

	found     found     // of a store that reads the oldest versions
	retention retention // of the bucket, for the same
}

var _ storage.Storage = (*Store)(nil)

// String returns the address of the store, which has no secrets in it.
func (s *Store) String() string { return s.options.String() }

// Head implements [storage.Storage]. The ObjectInfo has a SHA256 if checksums are on
// and the store keeps the SHA-256 of the whole object.
func (s *Store) Head(ctx context.Context, key string) (storage.ObjectInfo, error) {
	if err := driver.CheckCall(ctx, storage.OpHead, key); err != nil {
		return storage.ObjectInfo{}, err
	}
	id, err := s.versionOf(ctx, key)
	if err != nil {
		return storage.ObjectInfo{}, fail(ctx, storage.OpHead, key, err)
	}
	input := &awss3.HeadObjectInput{Bucket: &s.options.Bucket, Key: s.objectKey(key), VersionId: id, RequestPayer: s.payer()}
	if s.checksum.Load() {
		input.ChecksumMode = types.ChecksumModeEnabled
	}
	out, err := s.client.HeadObject(ctx, input, s.call(storage.OpHead))
	if err != nil {
		return storage.ObjectInfo{}, fail(ctx, storage.OpHead, key, s.explainHead(ctx, err))
	}
	s.bucketSeen.Store(true)
	size := deref(out.ContentLength)
	if out.ContentLength == nil {
		if size, err = s.askSize(ctx, key); err != nil {
			return storage.ObjectInfo{}, fail(ctx, storage.OpHead, key, err)
		}
	}
	info := storage.ObjectInfo{Key: key, Size: size, ModTime: deref(out.LastModified)}
	if out.ChecksumType != types.ChecksumTypeComposite {
		info.SHA256 = decodeSHA256(out.ChecksumSHA256)
	}
	return info, nil
}

// explainHead finds out whether the bucket is what is missing after the 404 of a Head.
func (s *Store) explainHead(ctx context.Context, err error) error {
	if answer := answerOf(err); httpStatus(err) != 404 || s.bucketSeen.Load() || answer != nil && answer.Page != "" {
		return err
	}
	_, bucketErr := s.client.HeadBucket(ctx, &awss3.HeadBucketInput{Bucket: &s.options.Bucket}, s.call(storage.OpHead))
	switch {
	case bucketErr == nil:
		s.bucketSeen.Store(true)
	case httpStatus(bucketErr) == 404:
		return &failure{text: storage.ErrNoStore.Error(), sentinel: storage.ErrNoStore, err: bucketErr}
	}
	// Without an answer, or without the permission to get one: the object, which is
	// what was asked for.
	return err
}

func (s *Store) objectKey(key string) *string {
	key = s.prefix + key
	return &key
}

func (s *Store) payer() types.RequestPayer {
	if s.options.RequesterPays {
		return types.RequestPayerRequester
	}
	return ""
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
