package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// oldVersions is what an expiry says of the versions that a bucket keeps.
type oldVersions struct {
	Deleted, Locked struct{ Objects, Bytes int64 }
	Refused         int64
}

// versions are those that the bucket keeps below the archive's prefix, and the markers among
// them.
func (b bucket) versions(t testing.TB) (versions []types.ObjectVersion, markers []types.DeleteMarkerEntry) {
	t.Helper()
	pages := s3.NewListObjectVersionsPaginator(s3test.NewOwner(t, b.at).Client(), &s3.ListObjectVersionsInput{Bucket: aws.String(s3test.BucketOf(b.at))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		versions, markers = append(versions, page.Versions...), append(markers, page.DeleteMarkers...)
	}
	return versions, markers
}

// In a bucket that keeps versions and locks objects, what is deleted vanishes from the
// archive, and its versions are deleted when their lock has ended.
func TestExpireInALockedBucket(t *testing.T) {
	t.Parallel()
	at := inBucket(t, s3test.NewLockedBucket(t)+"&checksum=sha256")
	_, goals := retainedHistory(t, at)
	args := []string{at.address(), "--keep-full", "1", "--grace", "0"}
	planned := expire(t, args...)
	isTrue := func(b *bool) bool { return b != nil && *b }
	if !isTrue(planned.Versioned) || !isTrue(planned.Locked) || planned.Deleted.Objects == 0 || planned.Versions != nil {
		t.Errorf("%+v", planned)
	}
	text := must(t, append([]string{"expire"}, args...)...).stdout
	for _, word := range []string{"versions", "lifecycle rule", "lock"} {
		if !strings.Contains(text, word) {
			t.Errorf("nothing is said of %q:\n%s", word, text)
		}
	}
	before, _ := at.versions(t)
	done := expire(t, append(args, "--apply")...)
	if done.Deleted != planned.Deleted || done.RefusedObjects != 0 {
		t.Errorf("planned: %+v; done: %+v", planned.Deleted, done)
	}
	if v := done.Versions; v == nil || v.Deleted.Objects != 0 || v.Locked.Objects < done.Deleted.Objects || v.Refused != 0 {
		t.Errorf("versions: %+v", v)
	}
	after, markers := at.versions(t)
	if len(after) < len(before) || int64(len(markers)) < done.Deleted.Objects {
		t.Errorf("%d versions before, and %d with %d markers after", len(before), len(after), len(markers))
	}
	hidden := map[string]bool{}
	for _, m := range markers {
		hidden[*m.Key] = true
	}
	client, name := s3test.NewOwner(t, at.at).Client(), s3test.BucketOf(at.at)
	for i := range after { // their lock ends
		if v := &after[i]; hidden[*v.Key] {
			_, err := client.PutObjectRetention(t.Context(), &s3.PutObjectRetentionInput{
				Bucket: &name, Key: v.Key, VersionId: v.VersionId, BypassGovernanceRetention: aws.Bool(true), Retention: &types.ObjectLockRetention{},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	again := expire(t, append(args, "--apply")...)
	if again.Keep != 0 || again.Deleted.Objects != 0 || again.Waiting.Objects != 0 {
		t.Errorf("again: %+v", again)
	}
	if v := again.Versions; v == nil || v.Deleted.Objects != done.Versions.Locked.Objects || v.Locked.Objects != 0 || v.Refused != 0 {
		t.Errorf("versions of then: %+v, and now: %+v", done.Versions, v)
	}
	if last := expire(t, append(args, "--apply")...); last.Versions == nil || last.Versions.Deleted.Objects+last.Versions.Locked.Objects != 0 {
		t.Errorf("in the end: %+v", last.Versions)
	}
	if left, markers := at.versions(t); len(left) != len(at.keys(t)) || len(markers) != 0 {
		t.Errorf("%d versions and %d markers are left of %d objects", len(left), len(markers), len(at.keys(t)))
	}
	reach(t, "0.6.0", at, inReach(t, goals, done.ReachAfter))
	if v := must(t, "verify", at.address(), "--deep", "--json").one(t, "verify"); !v.OK {
		t.Errorf("%+v", v)
	}
}

// Who may not delete versions leaves them, and says how they go.
func TestExpireWithoutThePermissionForVersions(t *testing.T) {
	t.Parallel()
	at := inBucket(t, s3test.NewLockedBucket(t))
	retainedHistory(t, at)
	u := s3test.NewUser(t, at.address(), `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":["arn:aws:s3:::*"],"Action":
		["s3:PutObject","s3:GetObject","s3:ListBucket","s3:DeleteObject","s3:GetBucketVersioning","s3:ListBucketVersions"]}]}`)
	r := as(t, u, "expire", at.address(), "--keep-full", "1", "--grace", "0", "--apply").want(t, exitOK)
	if !strings.Contains(r.stdout, "lifecycle rule") {
		t.Errorf("%s", r.stdout)
	}
}
