// Package s3 keeps objects in S3 and in everything that speaks it. It is the
// only package of this module that uses the AWS SDK, and is imported by
// commands and tests; the archiver knows only package storage.
//
// What the SDK and the stores do differently from what one would expect was
// measured before this was written; comments say where it shows. In short: the
// SDK retries conditional puts, so here they get one attempt; it gives up
// everything else after three, so here it has a time for that; it leaves https
// bodies unsigned, so here the SHA-256 of the body is always the signed payload
// hash; it waits for ever, so here every wait has an end.
package s3

import (
	"context"
	"log/slog"
	"sync/atomic"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

// Store is a [storage.Storage] in a bucket, below a prefix. What a conditional
// Put promises rests on the store: some ignore the condition.
//
// Errors wrap those of the SDK. While the ctx of a call lives, a
// [context.DeadlineExceeded] among them means that a timeout of [Timeouts]
// struck.
type Store struct {
	client  *awss3.Client
	closer  func()
	options Options // timeouts with their defaults
	prefix  string  // "" or with a slash at the end
	log     *slog.Logger

	// checksum: put and ask for x-amz-checksum-sha256. It is also set by the first
	// answer that wants one.
	checksum atomic.Bool

	credentials *credentials

	// answered is set by the first answer of any kind.
	answered atomic.Bool

	// bucketSeen is set by the first answer that proves the bucket to exist:
	// the 404 of a Head, which has no body, does not say what is missing.
	bucketSeen atomic.Bool
}

var _ storage.Storage = (*Store)(nil)

// CloseIdleConnections closes connections that no call is using. A store that
// is forgotten closes them after 90 s.
func (s *Store) CloseIdleConnections() { s.closer() }

// String gives the address of the store, which has no secrets in it.
func (s *Store) String() string { return s.options.String() }

// Head implements [storage.Storage]. The ObjectInfo has a SHA256 if checksums
// are on and the store keeps that one of the whole object.
func (s *Store) Head(ctx context.Context, key string) (storage.ObjectInfo, error) {
	if err := driver.CheckCall(ctx, storage.OpHead, key); err != nil {
		return storage.ObjectInfo{}, err
	}
	input := &awss3.HeadObjectInput{Bucket: &s.options.Bucket, Key: s.objectKey(key), RequestPayer: s.payer()}
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
		if size, err = s.length(ctx, key); err != nil {
			return storage.ObjectInfo{}, fail(ctx, storage.OpHead, key, err)
		}
	}
	info := storage.ObjectInfo{Key: key, Size: size, ModTime: deref(out.LastModified)}
	if out.ChecksumType != types.ChecksumTypeComposite {
		info.SHA256 = decodeSHA256(out.ChecksumSHA256)
	}
	return info, nil
}

// explainHead finds out whether the 404 of a Head is about the bucket.
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
	// Without an answer, or without the permission to get one, the object is
	// what was asked for and what is missing.
	return err
}

// Delete implements [storage.Storage].
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := driver.CheckCall(ctx, storage.OpDelete, key); err != nil {
		return err
	}
	_, err := s.client.DeleteObject(ctx, &awss3.DeleteObjectInput{
		Bucket: &s.options.Bucket, Key: s.objectKey(key), RequestPayer: s.payer(),
	}, s.call(storage.OpDelete))
	// AWS does not tell whether there was something; others do.
	if err != nil && !isNoSuchKey(err) {
		return fail(ctx, storage.OpDelete, key, err)
	}
	return nil
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
