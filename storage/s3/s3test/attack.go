package s3test

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Attack does all the harm to the objects of an archive, and to its bucket, that somebody
// can do. He knows how the archive is made: garbage is what he puts under keys of his own
// choice. It returns how many of his requests the store has obeyed.
func Attack(t testing.TB, by User, address string, garbage map[string][]byte) (obeyed int) {
	t.Helper()
	a := &attacker{t: t, client: by.Client(), bucket: BucketOf(address)}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	prefix := strings.Trim(u.Path, "/") + "/"
	// The owner says what there is: the attacker may know it from before.
	versions, err := NewOwner(t, address).Client().ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &a.bucket, Prefix: &prefix})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i := range versions.Versions {
		v := &versions.Versions[i]
		a.unlock(v)
		if key := *v.Key; !seen[key] {
			seen[key] = true
			a.overwrite(key)
		}
	}
	for key, body := range garbage {
		a.put(prefix+key, body, time.Time{})
		a.put(prefix+key, body, time.Now().Add(-100*24*time.Hour))
	}
	a.ruin()
	return a.obeyed
}

type attacker struct {
	t      testing.TB
	client *s3.Client
	bucket string
	obeyed int
}

// tried counts a request that was obeyed. What is not an answer of the store fails the test.
func (a *attacker) tried(err error) {
	var answer *smithyhttp.ResponseError
	switch {
	case err == nil:
		a.obeyed++
	case !errors.As(err, &answer):
		a.t.Errorf("the attack: %v", err)
	}
}

func (a *attacker) put(key string, body []byte, says time.Time) {
	_, err := a.client.PutObject(a.ctx(), &s3.PutObjectInput{Bucket: &a.bucket, Key: &key, Body: bytes.NewReader(body)}, asOf(says))
	a.tried(err)
}

func (a *attacker) ctx() context.Context { return a.t.Context() }

// asOf makes MinIO file an object as one that was put at a time.
func asOf(at time.Time) func(*s3.Options) {
	return func(o *s3.Options) {
		if !at.IsZero() {
			text := at.UTC().Format(time.RFC3339Nano)
			o.APIOptions = append(o.APIOptions, smithyhttp.AddHeaderValue("X-Minio-Source-Mtime", text),
				smithyhttp.AddHeaderValue("X-Minio-Source-Replication-Request", "true"))
		}
	}
}

// Naming lets a put name a version, whose bytes MinIO then replaces unless it is locked in
// COMPLIANCE mode. Past a policy that forbids it, an empty header helps: MinIO looks for the
// values of conditions among the headers first.
func Naming(version string, pastPolicy bool) func(*s3.Options) {
	name := middleware.BuildMiddlewareFunc("versionId", func(
		ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler,
	) (middleware.BuildOutput, middleware.Metadata, error) {
		if r, ok := in.Request.(*smithyhttp.Request); ok {
			query := r.URL.Query()
			query.Set("versionId", version)
			r.URL.RawQuery = query.Encode()
			if pastPolicy {
				r.Header.Set("Versionid", "")
			}
		}
		return next.HandleBuild(ctx, in)
	})
	return s3.WithAPIOptions(func(stack *middleware.Stack) error { return stack.Build.Add(name, middleware.After) })
}

// unlock tries to shorten the lock of a version, to delete it, and to replace its bytes.
func (a *attacker) unlock(v *types.ObjectVersion) {
	for _, bypass := range []*bool{nil, aws.Bool(true)} {
		for _, mode := range []types.ObjectLockRetentionMode{types.ObjectLockRetentionModeGovernance, ""} {
			until := aws.Time(time.Now().Add(2 * time.Second))
			if mode == "" {
				until = nil
			}
			_, err := a.client.PutObjectRetention(a.ctx(), &s3.PutObjectRetentionInput{
				Bucket: &a.bucket, Key: v.Key, VersionId: v.VersionId, BypassGovernanceRetention: bypass,
				Retention: &types.ObjectLockRetention{Mode: mode, RetainUntilDate: until},
			})
			a.tried(err)
		}
		_, err := a.client.DeleteObject(a.ctx(), &s3.DeleteObjectInput{
			Bucket: &a.bucket, Key: v.Key, VersionId: v.VersionId, BypassGovernanceRetention: bypass,
		})
		a.tried(err)
		_, err = a.client.DeleteObjects(a.ctx(), &s3.DeleteObjectsInput{
			Bucket: &a.bucket, BypassGovernanceRetention: bypass,
			Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: v.Key, VersionId: v.VersionId}}},
		})
		a.tried(err)
	}
	for _, past := range []bool{false, true} {
		in := &s3.PutObjectInput{Bucket: &a.bucket, Key: v.Key, Body: strings.NewReader("replaced")}
		_, err := a.client.PutObject(a.ctx(), in, Naming(*v.VersionId, past))
		a.tried(err)
	}
	_, err := a.client.PutObjectLegalHold(a.ctx(), &s3.PutObjectLegalHoldInput{
		Bucket: &a.bucket, Key: v.Key, VersionId: v.VersionId, LegalHold: &types.ObjectLockLegalHold{Status: types.ObjectLockLegalHoldStatusOff},
	})
	a.tried(err)
}

// overwrite puts other bytes over a key, some as if they were older, and deletes it.
func (a *attacker) overwrite(key string) {
	a.put(key, []byte("overwritten"), time.Time{})
	a.put(key, []byte("overwritten in the past"), time.Now().Add(-100*24*time.Hour))
	a.put(key, nil, time.Now().Add(100*24*time.Hour))
	_, err := a.client.DeleteObject(a.ctx(), &s3.DeleteObjectInput{Bucket: &a.bucket, Key: &key})
	a.tried(err)
}

// ruin tries to change the bucket.
func (a *attacker) ruin() {
	ctx, b := a.ctx(), &a.bucket
	_, err := a.client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: b, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended},
	})
	a.tried(err)
	_, err = a.client.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{
		Bucket: b, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{{
			ID: aws.String("x"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("")},
			Expiration:                  &types.LifecycleExpiration{Days: aws.Int32(1)},
			NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(1)},
		}}},
	})
	a.tried(err)
	_, err = a.client.PutObjectLockConfiguration(ctx, &s3.PutObjectLockConfigurationInput{
		Bucket: b, ObjectLockConfiguration: &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled},
	})
	a.tried(err)
	_, err = a.client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: b}, func(o *s3.Options) {
		o.APIOptions = append(o.APIOptions, smithyhttp.AddHeaderValue("X-Minio-Force-Delete", "true"))
	})
	a.tried(err)
}
