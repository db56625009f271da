package s3

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

func rule(id, prefix string, change func(*types.LifecycleRule)) types.LifecycleRule {
	r := types.LifecycleRule{ID: &id, Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: &prefix}}
	change(&r)
	return r
}

func expire(days int32) func(*types.LifecycleRule) {
	return func(r *types.LifecycleRule) { r.Expiration = &types.LifecycleExpiration{Days: &days} }
}

// A real bucket tells its settings; rules for other prefixes than ours do not
// matter.
func TestSurvey(t *testing.T) {
	s := openAddress(t, withPrefix(s3test.NewBucket(t), "team/people"))
	want := storage.Surroundings{Versioning: "off", ObjectLock: "off"}
	if diff := cmp.Diff(want, s.Survey(t.Context())); diff != "" {
		t.Errorf("a new bucket (-want +got)\n%s", diff)
	}
	_, err := s.client.PutBucketLifecycleConfiguration(t.Context(), &awss3.PutBucketLifecycleConfigurationInput{
		Bucket: &s.options.Bucket,
		LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{
			rule("all", "", expire(30)), rule("team", "team/", expire(31)), rule("ours", "team/people/segments/", expire(32)),
			rule("others", "team/people2/", expire(33)), rule("off", "", func(r *types.LifecycleRule) {
				expire(34)(r)
				r.Status = types.ExpirationStatusDisabled
			}),
			rule("noncurrent", "", func(r *types.LifecycleRule) {
				r.NoncurrentVersionExpiration = &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(5)}
			}),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.client.PutBucketVersioning(t.Context(), &awss3.PutBucketVersioningInput{
		Bucket: &s.options.Bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		t.Fatal(err)
	}
	want.Versioning = "on"
	want.Expiry = []string{
		`rule "all" for the prefix "", after 30 days`, `rule "team" for the prefix "team/", after 31 days`,
		`rule "ours" for the prefix "team/people/segments/", after 32 days`,
	}
	if diff := cmp.Diff(want, s.Survey(t.Context())); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// What a store answers that this MinIO does not.
func TestSurveyOfOtherStores(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		w.Header().Set("Content-Type", "application/xml")
		switch {
		case r.URL.Query().Has("object-lock"):
			_, _ = w.Write([]byte(`<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Years>2</Years></DefaultRetention></Rule></ObjectLockConfiguration>`))
		case r.URL.Query().Has("lifecycle"):
			_, _ = w.Write([]byte(`<LifecycleConfiguration><Rule><ID>cold</ID><Status>Enabled</Status><Filter><Prefix>prefix/</Prefix></Filter><Transition><Days>7</Days><StorageClass>GLACIER</StorageClass></Transition></Rule></LifecycleConfiguration>`))
		default:
			refuse(w, http.StatusForbidden, "AccessDenied")
		}
	})
	got := f.open(t).Survey(t.Context())
	if got.ObjectLock != "COMPLIANCE for 2 years" || !cmp.Equal(got.Transitions, []string{`rule "cold" for the prefix "prefix/", to GLACIER after 7 days`}) || got.Expiry != nil {
		t.Errorf("%+v", got)
	}
	if len(got.Unseen) != 1 || !strings.HasPrefix(got.Unseen[0], "versioning: AccessDenied") {
		t.Errorf("unseen: %q", got.Unseen)
	}
}
