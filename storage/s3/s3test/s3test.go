// Package s3test makes buckets on a real store for tests ([NewBucket]), and a [Proxy]
// in front of it, where a [Hook] decides which [Fault] happens to each request.
//
// GBAK_TEST_S3_ENDPOINT, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY name the store;
// scripts/minio-test.sh starts a MinIO and sets them.
package s3test

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// NewBucket makes an empty bucket that is removed when t ends, and returns its address.
// Without a store t is skipped, or fails if GBAK_NO_SKIP is 1.
func NewBucket(t testing.TB) (address string) {
	t.Helper()
	return newBucket(t, "")
}

// NewLockedBucket is [NewBucket] for a bucket that keeps versions, and in which every new
// object is locked for a day.
func NewLockedBucket(t testing.TB) (address string) {
	t.Helper()
	return newBucket(t, types.ObjectLockRetentionModeGovernance)
}

// NewCompliantBucket is [NewLockedBucket] for a bucket in which nobody can end a lock. So it
// stays when t ends.
func NewCompliantBucket(t testing.TB) (address string) {
	t.Helper()
	return newBucket(t, types.ObjectLockRetentionModeCompliance)
}

// newBucket makes a bucket in which objects are locked for a day, in a mode; "" for none.
func newBucket(t testing.TB, locks types.ObjectLockRetentionMode) (address string) {
	t.Helper()
	endpoint := os.Getenv("GBAK_TEST_S3_ENDPOINT")
	if endpoint == "" {
		const reason = "GBAK_TEST_S3_ENDPOINT is not set: run scripts/minio-test.sh"
		if os.Getenv("GBAK_NO_SKIP") == "1" {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	client := newClient(endpoint, ownCredentials())
	bucket := "gbak-test-" + strings.ToLower(rand.Text())
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket, ObjectLockEnabledForBucket: aws.Bool(locks != "")}); err != nil {
		t.Fatal(err)
	}
	if locks != types.ObjectLockRetentionModeCompliance {
		t.Cleanup(func() { remove(t, client, bucket) })
	}
	if locks != "" {
		lock(t, client, bucket, locks)
	}
	return "s3://" + bucket + "?" + url.Values{"endpoint": {endpoint}}.Encode()
}

// lock makes each new object of a bucket locked for a day.
func lock(t testing.TB, client *s3.Client, bucket string, mode types.ObjectLockRetentionMode) {
	t.Helper()
	_, err := client.PutObjectLockConfiguration(t.Context(), &s3.PutObjectLockConfigurationInput{
		Bucket: &bucket, ObjectLockConfiguration: &types.ObjectLockConfiguration{
			ObjectLockEnabled: types.ObjectLockEnabledEnabled,
			Rule:              &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{Mode: mode, Days: aws.Int32(1)}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// LockAgain gives the bucket of [NewCompliantBucket] the default retention that it had at
// first.
func LockAgain(t testing.TB, address string) {
	t.Helper()
	lock(t, newClient(endpointOf(t, address), ownCredentials()), BucketOf(address), types.ObjectLockRetentionModeCompliance)
}

// ownCredentials are those of the store's owner.
func ownCredentials() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), "")
}

// endpointOf returns the endpoint in the address of a bucket.
func endpointOf(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("endpoint")
}

// remove removes a bucket with all versions of its objects, locked or not.
func remove(t testing.TB, client *s3.Client, bucket string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the context of t has ended
	defer cancel()
	for pages := s3.NewListObjectVersionsPaginator(client, &s3.ListObjectVersionsInput{Bucket: &bucket}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Error(err)
			return
		}
		var versions []types.ObjectIdentifier
		for _, v := range page.Versions {
			versions = append(versions, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		for _, m := range page.DeleteMarkers {
			versions = append(versions, types.ObjectIdentifier{Key: m.Key, VersionId: m.VersionId})
		}
		if len(versions) == 0 {
			continue
		}
		out, err := client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
			Bucket: &bucket, Delete: &types.Delete{Objects: versions}, BypassGovernanceRetention: aws.Bool(true),
		})
		if err != nil || len(out.Errors) > 0 {
			t.Error(err, out)
		}
	}
	if _, err := client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String(bucket)}); err != nil {
		t.Error(err)
	}
}
