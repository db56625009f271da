package e2e

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// The objects that deeds are done to, all below the prefix team/people/ but the last two.
// One is locked.
const (
	prefixOfDeeds = "team/people/"
	aLocked       = prefixOfDeeds + "segments/0-a/locked.zst"
	aNeighbour    = "team/people2/archive.json"
	aStranger     = "other/object"
)

// deeds is somebody at work in a bucket.
type deeds struct {
	ctx      context.Context
	c        *s3.Client
	bucket   string
	versions map[string]string // by name, those that were there before
}

func (d deeds) list(prefix string) error {
	_, err := d.c.ListObjectsV2(d.ctx, &s3.ListObjectsV2Input{Bucket: &d.bucket, Prefix: &prefix})
	return err
}

func (d deeds) get(name, version string) error {
	in := &s3.GetObjectInput{Bucket: &d.bucket, Key: &name}
	if version != "" {
		in.VersionId = &version
	}
	out, err := d.c.GetObject(d.ctx, in)
	if err != nil {
		return err
	}
	return out.Body.Close()
}

func (d deeds) put(name string, change func(*s3.PutObjectInput), more ...func(*s3.Options)) error {
	in := &s3.PutObjectInput{Bucket: &d.bucket, Key: &name, Body: strings.NewReader("x")}
	change(in)
	_, err := d.c.PutObject(d.ctx, in, more...)
	return err
}

func (d deeds) create(name string) error {
	return d.put(name, func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("*") })
}

func (d deeds) overwrite(name string) error { return d.put(name, func(*s3.PutObjectInput) {}) }

func (d deeds) remove(name, version string, bypass bool) error {
	in := &s3.DeleteObjectInput{Bucket: &d.bucket, Key: &name}
	if version != "" {
		in.VersionId = &version
	}
	if bypass {
		in.BypassGovernanceRetention = &bypass
	}
	_, err := d.c.DeleteObject(d.ctx, in)
	return err
}

func (d deeds) removeAll(name string) error {
	out, err := d.c.DeleteObjects(d.ctx, &s3.DeleteObjectsInput{
		Bucket: &d.bucket, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: &name}}},
	})
	if err == nil && len(out.Errors) > 0 {
		return &smithy.GenericAPIError{Code: aws.ToString(out.Errors[0].Code)}
	}
	return err
}

func (d deeds) retain(name string, mode types.ObjectLockRetentionMode, bypass bool) error {
	_, err := d.c.PutObjectRetention(d.ctx, &s3.PutObjectRetentionInput{
		Bucket: &d.bucket, Key: &name, VersionId: aws.String(d.versions[name]), BypassGovernanceRetention: &bypass,
		Retention: &types.ObjectLockRetention{Mode: mode, RetainUntilDate: aws.Time(time.Now().Add(time.Second))},
	})
	return err
}

// isForbidden reports whether the store refused because of the policy.
func isForbidden(err error) bool {
	if r, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && r.HTTPStatusCode() == http.StatusForbidden {
		return true
	}
	code, ok := errors.AsType[smithy.APIError](err)
	return ok && code.ErrorCode() == "AccessDenied"
}

// isMissing reports whether the store said that there is no such thing.
func isMissing(err error) bool {
	r, ok := errors.AsType[*smithyhttp.ResponseError](err)
	return ok && r.HTTPStatusCode() == http.StatusNotFound
}

// deed is something that may be done in a bucket, and the modes that allow it: a for
// append-only, r for restore, m for monitor, e for expire, d for drill.
type deed struct {
	name  string
	modes string
	do    func(deeds) error
}

func objectDeeds() []deed {
	at := func(key string) string { return prefixOfDeeds + key }
	manifest, index, segment := at("manifests/0000000001.json"), at("indexes/0-a/a.json.zst"), at("segments/0-a/000000-b.zst")
	pages, fence, archive := at("pages/0-a/c.bin"), at("fences/0000000001.json"), at("archive.json")
	return []deed{
		{"list", "armed", func(d deeds) error { return d.list(prefixOfDeeds) }},
		{"list segments", "armed", func(d deeds) error { return d.list(at("segments/")) }},
		{"list a neighbour", "", func(d deeds) error { return d.list("team/people2/") }},
		{"list the folder above", "", func(d deeds) error { return d.list("team/") }},
		{"list the bucket", "", func(d deeds) error { return d.list("") }},
		{"list versions", "armed", func(d deeds) error { // on MinIO, for who may list
			_, err := d.c.ListObjectVersions(d.ctx, &s3.ListObjectVersionsInput{Bucket: &d.bucket, Prefix: aws.String(prefixOfDeeds)})
			return err
		}},
		{"list versions of the bucket", "", func(d deeds) error {
			_, err := d.c.ListObjectVersions(d.ctx, &s3.ListObjectVersionsInput{Bucket: &d.bucket})
			return err
		}},
		{"read archive.json", "armed", func(d deeds) error { return d.get(archive, "") }},
		{"read RESTORE.md", "armed", func(d deeds) error { return d.get(at("RESTORE.md"), "") }},
		{"read a manifest", "armed", func(d deeds) error { return d.get(manifest, "") }},
		{"read an index", "armed", func(d deeds) error { return d.get(index, "") }},
		{"read a segment", "ard", func(d deeds) error { return d.get(segment, "") }},
		{"read pages", "ad", func(d deeds) error { return d.get(pages, "") }},
		{"read a fence", "aed", func(d deeds) error { return d.get(fence, "") }},
		{"read a certificate", "amd", func(d deeds) error { return d.get(at("certificates/20261126T131500.000Z-00000001.json"), "") }},
		{"read a version of a segment", "ard", func(d deeds) error { return d.get(segment, d.versions[segment]) }},
		{"read a neighbour", "", func(d deeds) error { return d.get(aNeighbour, "") }},
		{"read a stranger", "", func(d deeds) error { return d.get(aStranger, d.versions[aStranger]) }},
		{"see that a manifest is missing", "armed", func(d deeds) error {
			if err := d.get(at("manifests/0000000009.json"), ""); !isMissing(err) {
				return err
			}
			return nil
		}},
		{"see until when a segment is locked", "rd", func(d deeds) error {
			_, err := d.c.GetObjectRetention(d.ctx, &s3.GetObjectRetentionInput{Bucket: &d.bucket, Key: aws.String(aLocked)})
			return err
		}},
		{"create a manifest", "ae", func(d deeds) error { return d.create(at("manifests/0000000002.json")) }},
		{"create a fence", "ae", func(d deeds) error { return d.create(at("fences/0000000002.json")) }},
		{"create a segment", "a", func(d deeds) error { return d.create(at("segments/0-a/000001-b.zst")) }},
		{"create a certificate", "ad", func(d deeds) error { return d.create(at("certificates/20261126T131500.000Z-00000002.json")) }},
		{"create a digest", "ad", func(d deeds) error { return d.create(at("digests/" + strings.Repeat("02", 16) + ".json")) }},
		{"delete a certificate", "", func(d deeds) error { return d.remove(at("certificates/20261126T131500.000Z-00000001.json"), "", false) }},
		{"create a probe", "a", func(d deeds) error { return d.create(at("probe/a/1")) }},
		{"create beside the archive", "", func(d deeds) error { return d.create("team/people2/x") }},
		{"create a stranger", "", func(d deeds) error { return d.create("other/new") }},
		{"overwrite a manifest", "ae", func(d deeds) error { return d.overwrite(manifest) }}, // not on AWS
		{"overwrite a segment", "a", func(d deeds) error { return d.overwrite(segment) }},    // not on AWS
		{"overwrite archive.json", "a", func(d deeds) error { return d.overwrite(archive) }}, // not on AWS
		{"overwrite a neighbour", "", func(d deeds) error { return d.overwrite(aNeighbour) }},
		{"replace the bytes of a version", "", func(d deeds) error {
			return d.put(aLocked, func(*s3.PutObjectInput) {}, s3test.Naming(d.versions[aLocked], false))
		}},
		{"copy a neighbour into the archive", "", func(d deeds) error {
			_, err := d.c.CopyObject(d.ctx, &s3.CopyObjectInput{Bucket: &d.bucket, Key: aws.String(at("segments/0-a/copy")), CopySource: aws.String(d.bucket + "/" + aNeighbour)})
			return err
		}},
		{"tag a segment", "", func(d deeds) error {
			_, err := d.c.PutObjectTagging(d.ctx, &s3.PutObjectTaggingInput{
				Bucket: &d.bucket, Key: &segment, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}},
			})
			return err
		}},
		{"delete many", "e", func(d deeds) error { return d.removeAll(index) }},
		{"delete a manifest", "e", func(d deeds) error { return d.remove(manifest, "", false) }},
		{"delete a segment", "e", func(d deeds) error { return d.remove(segment, "", false) }},
		{"delete a version", "e", func(d deeds) error { return d.remove(segment, d.versions[segment], false) }},
		{"delete pages", "e", func(d deeds) error { return d.remove(pages, "", false) }},
		{"delete a fence", "", func(d deeds) error { return d.remove(fence, "", false) }},
		{"delete a version of archive.json", "", func(d deeds) error { return d.remove(archive, d.versions[archive], false) }},
		{"delete RESTORE.md", "", func(d deeds) error { return d.remove(at("RESTORE.md"), "", false) }},
		{"delete archive.json", "", func(d deeds) error { return d.remove(archive, "", false) }},
		{"delete a neighbour", "", func(d deeds) error { return d.remove(aNeighbour, "", false) }},
		{"delete many strangers", "", func(d deeds) error { return d.removeAll(aStranger) }},
		{"delete a locked version", "", func(d deeds) error { return d.remove(aLocked, d.versions[aLocked], true) }},
	}
}

func bucketDeeds() []deed {
	day := &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled}
	return []deed{
		{"put with a lock", "", func(d deeds) error {
			return d.put(prefixOfDeeds+"manifests/0000000003.json", func(in *s3.PutObjectInput) {
				in.ObjectLockMode, in.ObjectLockRetainUntilDate = types.ObjectLockModeGovernance, aws.Time(time.Now().Add(time.Second))
			})
		}},
		{"put with a legal hold", "", func(d deeds) error {
			return d.put(prefixOfDeeds+"manifests/0000000004.json", func(in *s3.PutObjectInput) { in.ObjectLockLegalHoldStatus = types.ObjectLockLegalHoldStatusOn })
		}},
		{"lock", "", func(d deeds) error {
			return d.retain(prefixOfDeeds+"archive.json", types.ObjectLockRetentionModeGovernance, false)
		}},
		// On MinIO, a retention without a date ends a lock in GOVERNANCE mode for everybody; doctor
		// tries that.
		{"shorten a lock", "", func(d deeds) error { return d.retain(aLocked, types.ObjectLockRetentionModeGovernance, true) }},
		{"hold", "", func(d deeds) error {
			_, err := d.c.PutObjectLegalHold(d.ctx, &s3.PutObjectLegalHoldInput{
				Bucket: &d.bucket, Key: aws.String(aLocked), LegalHold: &types.ObjectLockLegalHold{Status: types.ObjectLockLegalHoldStatusOff},
			})
			return err
		}},
		{"see versioning", "ae", func(d deeds) error {
			_, err := d.c.GetBucketVersioning(d.ctx, &s3.GetBucketVersioningInput{Bucket: &d.bucket})
			return err
		}},
		{"see the default lock", "ared", func(d deeds) error {
			_, err := d.c.GetObjectLockConfiguration(d.ctx, &s3.GetObjectLockConfigurationInput{Bucket: &d.bucket})
			return err
		}},
		{"see lifecycle rules", "ae", func(d deeds) error {
			_, err := d.c.GetBucketLifecycleConfiguration(d.ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &d.bucket})
			if isMissing(err) {
				return nil
			}
			return err
		}},
		{"change versioning", "", func(d deeds) error {
			_, err := d.c.PutBucketVersioning(d.ctx, &s3.PutBucketVersioningInput{
				Bucket: &d.bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
			})
			return err
		}},
		{"change the default lock", "", func(d deeds) error {
			_, err := d.c.PutObjectLockConfiguration(d.ctx, &s3.PutObjectLockConfigurationInput{Bucket: &d.bucket, ObjectLockConfiguration: day})
			return err
		}},
		{"change lifecycle rules", "", func(d deeds) error {
			_, err := d.c.DeleteBucketLifecycle(d.ctx, &s3.DeleteBucketLifecycleInput{Bucket: &d.bucket})
			return err
		}},
		{"see the bucket's policy", "", func(d deeds) error {
			_, err := d.c.GetBucketPolicy(d.ctx, &s3.GetBucketPolicyInput{Bucket: &d.bucket})
			return err
		}},
		{"change the bucket's policy", "", func(d deeds) error {
			_, err := d.c.DeleteBucketPolicy(d.ctx, &s3.DeleteBucketPolicyInput{Bucket: &d.bucket})
			return err
		}},
		{"list uploads", "", func(d deeds) error {
			_, err := d.c.ListMultipartUploads(d.ctx, &s3.ListMultipartUploadsInput{Bucket: &d.bucket})
			return err
		}},
		{"delete the bucket", "", func(d deeds) error {
			_, err := d.c.DeleteBucket(d.ctx, &s3.DeleteBucketInput{Bucket: &d.bucket})
			return err
		}},
		{"create a bucket", "", func(d deeds) error {
			_, err := d.c.CreateBucket(d.ctx, &s3.CreateBucketInput{Bucket: aws.String(d.bucket + "-2")})
			return err
		}},
	}
}

// Each mode allows what the table in docs/access.md says, on the real server, and is refused
// everything else.
func TestAccessModesRefuseTheRest(t *testing.T) {
	for _, name := range accessModes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := inBucket(t, s3test.NewLockedBucket(t))
			d := deeds{t.Context(), s3test.NewOwner(t, at.address()).Client(), s3test.BucketOf(at.address()), map[string]string{}}
			_, err := d.c.PutObjectLockConfiguration(d.ctx, &s3.PutObjectLockConfigurationInput{
				Bucket: &d.bucket, ObjectLockConfiguration: &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled},
			})
			if err != nil { // only one object is to be locked
				t.Fatal(err)
			}
			for _, key := range []string{
				"archive.json", "RESTORE.md", "manifests/0000000001.json", "indexes/0-a/a.json.zst", "segments/0-a/000000-b.zst", "pages/0-a/c.bin", "fences/0000000001.json",
				"certificates/20261126T131500.000Z-00000001.json",
			} {
				d.versions[prefixOfDeeds+key] = d.store(t, prefixOfDeeds+key, false)
			}
			d.versions[aNeighbour], d.versions[aStranger], d.versions[aLocked] = d.store(t, aNeighbour, false), d.store(t, aStranger, false), d.store(t, aLocked, true)

			d.c = mode(t, at, name).Client()
			for _, deed := range append(bucketDeeds(), objectDeeds()...) { // those that delete come last
				err := deed.do(d)
				switch may := strings.Contains(deed.modes, name[:1]); {
				case may && err != nil:
					t.Errorf("%s may not %s: %v", name, deed.name, err)
				case !may && !isForbidden(err):
					t.Errorf("%s may %s: %v", name, deed.name, err)
				}
			}
		})
	}
}

// store puts an object and returns its version.
func (d deeds) store(t *testing.T, name string, isLocked bool) string {
	t.Helper()
	in := &s3.PutObjectInput{Bucket: &d.bucket, Key: &name, Body: strings.NewReader("original")}
	if isLocked {
		in.ObjectLockMode, in.ObjectLockRetainUntilDate = types.ObjectLockModeGovernance, aws.Time(time.Now().Add(24*time.Hour))
	}
	out, err := d.c.PutObject(d.ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.VersionId)
}
