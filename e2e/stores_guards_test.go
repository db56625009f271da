package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/gbak-s3/gbak-s3/storage"
)

// put stores an object without a condition, which not all servers know.
func put(ctx context.Context, s storage.Storage, key, body string) error {
	_, err := s.Put(ctx, key, strings.NewReader(body), storage.PutOptions{})
	return err
}

func (at *examinedStore) deletesInOneRequest(t *testing.T) error {
	s := at.store(t, at.address("batch"))
	var keys []string
	for i := range storage.MaxDelete {
		keys = append(keys, fmt.Sprintf("many/%04d", i))
		if i%50 == 0 {
			if _, err := s.Put(t.Context(), keys[i], strings.NewReader("x"), storage.PutOptions{}); err != nil {
				return err
			}
		}
	}
	var requests storage.Requests
	kept, err := s.DeleteAll(storage.CountRequests(t.Context(), &requests), keys)
	if err != nil || len(kept) > 0 {
		return fmt.Errorf("%d are kept: %w", len(kept), err)
	}
	for info, err := range s.List(t.Context(), "", "") {
		return fmt.Errorf("%s is still there: %w", info.Key, err)
	}
	if n := requests.Counts().Delete; n != 1 {
		return fmt.Errorf("it took %d requests", n)
	}
	return nil
}

func (at *examinedStore) showsItsClock(t *testing.T) error {
	now, err := at.store(t, at.address("clock")).Now(t.Context())
	if err == nil && time.Since(now).Abs() > time.Minute {
		err = fmt.Errorf("it says %s", now)
	}
	return err
}

// refusesChangedBodies puts a body with the signed hash of another.
func (at *examinedStore) refusesChangedBodies(t *testing.T) error {
	s := at.store(t, at.address("body"))
	other := sha256.Sum256([]byte("what was meant"))
	for _, ifAbsent := range []bool{false, true} {
		_, err := s.Put(t.Context(), "key", strings.NewReader("what arrives"), storage.PutOptions{SHA256: &other, IfAbsent: ifAbsent})
		if err == nil {
			return errors.New("it was stored")
		}
		if _, err := s.Head(t.Context(), "key"); !errors.Is(err, storage.ErrNotExist) {
			return fmt.Errorf("it was refused, and there is something: %w", err)
		}
	}
	return nil
}

// takesLongKeys uses what S3 allows: a prefix and a key of 1,024 bytes together.
func (at *examinedStore) takesLongKeys(t *testing.T) error {
	element := strings.Repeat("k", 99) + "/"
	s := at.store(t, at.address(strings.Repeat(element, 5)+strings.Repeat("p", 11))) // 511 bytes, and a slash
	key := strings.Repeat(element, 5) + strings.Repeat("e", 12)
	if err := put(t.Context(), s, key, "long"); err != nil {
		return err
	}
	b, err := bodyOf(t.Context(), s, key)
	if err != nil || string(b) != "long" {
		return fmt.Errorf("it holds %q: %w", b, err)
	}
	for info, err := range s.List(t.Context(), "", "") {
		if err != nil || info.Key != key {
			return fmt.Errorf("it lists %q: %w", info.Key, err)
		}
		return s.Delete(t.Context(), key)
	}
	return errors.New("it is not listed")
}

// keepsVersions looks as an attack is recovered from: what was put first can be read after
// it was replaced and deleted.
func (at *examinedStore) keepsVersions(t *testing.T) error {
	bucket, err := at.newBucket(t, &awss3.CreateBucketInput{})
	if err != nil {
		return err
	}
	_, err = at.client.PutBucketVersioning(t.Context(), &awss3.PutBucketVersioningInput{
		Bucket: &bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		return err
	}
	address := "s3://" + bucket + "/versions?" + at.query()
	s := at.store(t, address)
	for _, body := range []string{"first", "attack"} {
		if err := put(t.Context(), s, "key", body); err != nil {
			return err
		}
	}
	if err := s.Delete(t.Context(), "key"); err != nil {
		return err
	}
	b, err := bodyOf(t.Context(), at.store(t, address+"&versions=oldest"), "key")
	if err == nil && string(b) != "first" {
		err = fmt.Errorf("the oldest version holds %q", b)
	}
	return err
}

// locksVersions tries to delete a locked version.
func (at *examinedStore) locksVersions(t *testing.T) error {
	bucket, err := at.newBucket(t, &awss3.CreateBucketInput{ObjectLockEnabledForBucket: aws.Bool(true)})
	if err != nil {
		return err
	}
	_, err = at.client.PutObjectLockConfiguration(t.Context(), &awss3.PutObjectLockConfigurationInput{
		Bucket: &bucket, ObjectLockConfiguration: &types.ObjectLockConfiguration{
			ObjectLockEnabled: types.ObjectLockEnabledEnabled,
			Rule: &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{
				Mode: types.ObjectLockRetentionModeCompliance, Days: aws.Int32(1),
			}},
		},
	})
	if err != nil {
		return err
	}
	if err := put(t.Context(), at.store(t, "s3://"+bucket+"?"+at.query()), "key", "locked"); err != nil {
		return err
	}
	versions, err := at.client.ListObjectVersions(t.Context(), &awss3.ListObjectVersionsInput{Bucket: &bucket})
	if err != nil {
		return err
	}
	if len(versions.Versions) != 1 {
		return fmt.Errorf("it lists %d versions", len(versions.Versions))
	}
	id := versions.Versions[0].VersionId
	for _, bypass := range []*bool{nil, aws.Bool(true)} {
		_, err = at.client.DeleteObject(t.Context(), &awss3.DeleteObjectInput{
			Bucket: &bucket, Key: aws.String("key"), VersionId: id, BypassGovernanceRetention: bypass,
		})
		if err == nil {
			return errors.New("the locked version was deleted")
		}
	}
	out, err := at.client.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &bucket, Key: aws.String("key"), VersionId: id})
	if err != nil {
		return err
	}
	defer func() { _ = out.Body.Close() }()
	var b bytes.Buffer
	if _, err := b.ReadFrom(out.Body); err != nil || b.String() != "locked" {
		return fmt.Errorf("it holds %q: %w", &b, err)
	}
	return nil
}
