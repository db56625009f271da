package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

var _ storage.Tamperer = (*Store)(nil)

// Tamper implements [storage.Tamperer].
func (s *Store) Tamper(ctx context.Context, key string, how storage.Tampering) (storage.TamperOutcome, error) {
	if err := s.refuseWrite(storage.OpPut, key); err != nil {
		return "", err
	}
	if err := driver.CheckCall(ctx, storage.OpPut, key); err != nil {
		return "", err
	}
	version, isMarker, err := s.newestVersion(ctx, key)
	switch {
	case err != nil:
		return "", err
	case isMarker && how != storage.DeleteVersion:
		return "", &storage.Error{Op: storage.OpHead, Key: key, Err: storage.ErrNotExist}
	}
	t := tampering{s, key, version}
	done, err := false, error(nil)
	switch how {
	case storage.ReplaceVersion:
		done, err = t.replace(ctx)
	case storage.BackdateVersion:
		done, err = t.backdate(ctx)
	case storage.DeleteVersion:
		done, err = t.deleteVersion(ctx)
	case storage.LockBriefly:
		done, err = t.lockBriefly(ctx)
	case storage.ShortenLock:
		done, err = t.shorten(ctx)
	}
	if err != nil {
		err = fail(ctx, storage.OpPut, key, err)
	}
	switch status := httpStatus(err); {
	case err == nil && done:
		return storage.TamperDone, nil
	case err == nil:
		return storage.TamperRefused, nil
	case isDenied(status, errorCode(err)):
		return storage.TamperDenied, nil
	case status == http.StatusNotImplemented || status >= 400 && status < 500 && !isTransient(err):
		return storage.TamperRefused, nil
	}
	return "", err
}

// newestVersion returns the newest version of a key, which may be a delete marker.
func (s *Store) newestVersion(ctx context.Context, key string) (version string, isMarker bool, err error) {
	out, err := s.client.HeadObject(ctx, &awss3.HeadObjectInput{
		Bucket: &s.options.Bucket, Key: s.objectKey(key), RequestPayer: s.payer(),
	}, s.call(storage.OpHead))
	if refused, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && refused.Response.Header.Get("X-Amz-Delete-Marker") == "true" {
		version, isMarker = refused.Response.Header.Get("X-Amz-Version-Id"), true
	}
	switch {
	case err == nil:
		version = deref(out.VersionId)
	case !isMarker:
		return "", false, fail(ctx, storage.OpHead, key, err)
	}
	if version == "" || version == "null" { // which is what it is while versioning is suspended
		return "", false, &storage.Error{Op: storage.OpHead, Key: key, Err: storage.ErrNoVersions}
	}
	return version, isMarker, nil
}

// tampering is with one version of an object.
type tampering struct {
	*Store
	key, version string
}

// put puts something under the key, and returns the id of the version that it became.
func (t tampering) put(ctx context.Context, change func(*awss3.PutObjectInput), more ...func(*awss3.Options)) (string, error) {
	body := []byte(rand.Text())
	sum := sha256.Sum256(body)
	in := &awss3.PutObjectInput{
		Bucket: &t.options.Bucket, Key: t.objectKey(t.key), Body: bytes.NewReader(body), RequestPayer: t.payer(),
		ServerSideEncryption: types.ServerSideEncryption(t.options.SSE),
	}
	if t.options.KMSKeyID != "" {
		in.SSEKMSKeyId = &t.options.KMSKeyID
	}
	if t.checksum.Load() {
		in.ChecksumSHA256 = aws.String(base64.StdEncoding.EncodeToString(sum[:]))
	}
	change(in)
	out, err := t.client.PutObject(ctx, in, append(more, t.call(storage.OpPut), signedPayload(sum))...)
	if err != nil {
		return "", err
	}
	return deref(out.VersionId), nil
}

// replace puts other bytes in the place of the version. MinIO does that, locked or not,
// unless the lock is for compliance. Its policies can forbid a put that names a version, but
// look for the name among the headers first.
func (t tampering) replace(ctx context.Context) (bool, error) {
	became, err := t.put(ctx, func(*awss3.PutObjectInput) {}, withRequest(func(r *smithyhttp.Request) {
		query := r.URL.Query()
		query.Set("versionId", t.version)
		r.URL.RawQuery = query.Encode()
		r.Header.Set("Versionid", "")
	}))
	return became == t.version, err
}

// backdate puts a version that is filed behind the one that exists. MinIO believes anybody
// who says when an object was modified.
func (t tampering) backdate(ctx context.Context) (bool, error) {
	_, err := t.put(ctx, func(*awss3.PutObjectInput) {}, withRequest(func(r *smithyhttp.Request) {
		r.Header.Set("X-Minio-Source-Mtime", time.Now().Add(-48*time.Hour).UTC().Format(time.RFC3339Nano))
	}))
	if err != nil {
		return false, err
	}
	newest, _, err := t.newestVersion(ctx, t.key)
	return newest == t.version, err
}

// deleteVersion deletes the version, and if that is refused, past its lock.
func (t tampering) deleteVersion(ctx context.Context) (bool, error) {
	in := &awss3.DeleteObjectInput{Bucket: &t.options.Bucket, Key: t.objectKey(t.key), VersionId: &t.version, RequestPayer: t.payer()}
	_, err := t.client.DeleteObject(ctx, in, t.call(storage.OpDelete))
	if status := httpStatus(err); status >= 400 && status < 500 {
		in.BypassGovernanceRetention = aws.Bool(true)
		if _, past := t.client.DeleteObject(ctx, in, t.call(storage.OpDelete)); past == nil {
			return true, nil
		}
	}
	return err == nil, err
}

// untilSoon is when locks end that are set or shortened.
func untilSoon() *time.Time { return aws.Time(time.Now().Add(time.Minute).UTC()) }

// lockBriefly puts a version with a lock of its own.
func (t tampering) lockBriefly(ctx context.Context) (bool, error) {
	_, err := t.put(ctx, func(in *awss3.PutObjectInput) {
		in.ObjectLockMode, in.ObjectLockRetainUntilDate = types.ObjectLockModeGovernance, untilSoon()
	})
	return err == nil, err
}

// shorten lets the lock of the version end soon, or at once: a retention without a date ends
// one in GOVERNANCE mode on MinIO, without any permission.
func (t tampering) shorten(ctx context.Context) (bool, error) {
	in := &awss3.PutObjectRetentionInput{
		Bucket: &t.options.Bucket, Key: t.objectKey(t.key), VersionId: &t.version, RequestPayer: t.payer(),
		BypassGovernanceRetention: aws.Bool(true),
		Retention:                 &types.ObjectLockRetention{Mode: types.ObjectLockRetentionModeGovernance, RetainUntilDate: untilSoon()},
	}
	_, err := t.client.PutObjectRetention(ctx, in, t.call(storage.OpPut))
	if status := httpStatus(err); status >= 400 && status < 500 {
		in.Retention = &types.ObjectLockRetention{}
		if _, ended := t.client.PutObjectRetention(ctx, in, t.call(storage.OpPut)); ended == nil {
			return true, nil
		}
	}
	return err == nil, err
}

// withRequest changes a request before it is signed.
func withRequest(change func(*smithyhttp.Request)) func(*awss3.Options) {
	return awss3.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Build.Add(middleware.BuildMiddlewareFunc("gbakTamper", func(
			ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler,
		) (middleware.BuildOutput, middleware.Metadata, error) {
			if r, ok := in.Request.(*smithyhttp.Request); ok {
				change(r)
			}
			return next.HandleBuild(ctx, in)
		}), middleware.After)
	})
}
