package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

// CopyFrom implements [storage.Copier] for another store of this package with the same endpoint,
// region and credentials. It asks not to overwrite anything, which not every store obeys.
func (s *Store) CopyFrom(ctx context.Context, key string, from storage.Storage) error {
	if err := driver.CheckCall(ctx, storage.OpPut, key); err != nil {
		return err
	}
	if err := s.refuseWrite(storage.OpPut, key); err != nil {
		return err
	}
	source, ok := storage.Innermost(from).(*Store)
	if !ok || !s.isNear(source) {
		return &storage.Error{Op: storage.OpPut, Key: key, Err: fmt.Errorf("%w: the two are not in one place", errors.ErrUnsupported)}
	}
	input := &awss3.CopyObjectInput{
		Bucket: &s.options.Bucket, Key: s.objectKey(key), IfNoneMatch: aws.String("*"), RequestPayer: s.payer(),
		CopySource:           aws.String((&url.URL{Path: source.options.Bucket + "/" + *source.objectKey(key)}).EscapedPath()),
		ServerSideEncryption: types.ServerSideEncryption(s.options.SSE),
	}
	if s.options.KMSKeyID != "" {
		input.SSEKMSKeyId = &s.options.KMSKeyID
	}
	if s.checksum.Load() {
		input.ChecksumAlgorithm = types.ChecksumAlgorithmSha256
	}
	_, err := s.client.CopyObject(ctx, input, s.callOnce(storage.OpPut))
	if err == nil {
		s.bucketSeen.Store(true)
		return nil
	}
	if httpStatus(err) == http.StatusNotFound && errorCode(err) == "NoSuchKey" {
		err = &failure{storage.ErrNotExist.Error(), storage.ErrNotExist, err}
	}
	return fail(ctx, storage.OpPut, key, refusedCondition(err))
}

// isNear reports whether the same credentials reach both stores at the same endpoint, and show of
// each object what is read of it.
func (s *Store) isNear(o *Store) bool {
	a, b := s.options, o.options
	if a.Versions != VersionsNewest || b.Versions != VersionsNewest {
		return false
	}
	a.Bucket, a.Prefix, a.SSE, a.KMSKeyID = b.Bucket, "", b.SSE, b.KMSKeyID
	b.Prefix = ""
	return a.String() == b.String()
}
