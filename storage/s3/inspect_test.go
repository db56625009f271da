package s3

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

func rule(id, prefix string, change func(*types.LifecycleRule)) types.LifecycleRule {
	r := types.LifecycleRule{ID: &id, Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: &prefix}}
	change(&r)
	return r
}

func expire(days int32) func(*types.LifecycleRule) {
	return func(r *types.LifecycleRule) { r.Expiration = &types.LifecycleExpiration{Days: &days} }
}

// A real bucket shows its settings; rules for other prefixes do not matter.
func TestInspect(t *testing.T) {
	s := openAddress(t, withPrefix(s3test.NewBucket(t), "team/people"))
	want := storage.StoreInfo{Versioning: storage.VersioningOff, ObjectLock: &storage.ObjectLock{}}
	if diff := cmp.Diff(want, s.Inspect(t.Context())); diff != "" {
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
	want.Versioning = storage.VersioningOn
	want.Expirations = []storage.LifecycleRule{
		{ID: "all", Days: 30}, {ID: "team", Prefix: "team/", Days: 31}, {ID: "ours", Prefix: "team/people/segments/", Days: 32},
	}
	if diff := cmp.Diff(want, s.Inspect(t.Context())); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Answers of other stores, which this MinIO does not give.
func TestInspectOtherStores(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		w.Header().Set("Content-Type", "application/xml")
		switch {
		case r.URL.Query().Has("object-lock"):
			_, _ = w.Write([]byte(`<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>` +
				`<Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Years>2</Years></DefaultRetention></Rule></ObjectLockConfiguration>`))
		case r.URL.Query().Has("lifecycle"):
			_, _ = w.Write([]byte(`<LifecycleConfiguration>` +
				`<Rule><ID>cold</ID><Status>Enabled</Status><Filter><Prefix>prefix/</Prefix></Filter>` +
				`<Transition><Days>7</Days><StorageClass>GLACIER</StorageClass></Transition></Rule>` +
				`<Rule><ID>old</ID><Status>Enabled</Status><Filter><Prefix>prefix/</Prefix></Filter>` +
				`<Expiration><Date>2030-01-02T00:00:00Z</Date></Expiration></Rule></LifecycleConfiguration>`))
		default:
			refuse(w, http.StatusForbidden, "AccessDenied")
		}
	})
	got := f.open(t).Inspect(t.Context())
	unreadable := got.Unreadable
	got.Unreadable = nil
	want := storage.StoreInfo{
		ObjectLock:  &storage.ObjectLock{Enabled: true, Retention: &storage.Retention{Mode: storage.RetentionCompliance, Years: 2}},
		Expirations: []storage.LifecycleRule{{ID: "old", Prefix: "prefix/", Date: time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC)}},
		Transitions: []storage.LifecycleRule{{ID: "cold", Prefix: "prefix/", Days: 7, StorageClass: "GLACIER"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(unreadable) != 1 || unreadable[0].Name != "versioning" || !errors.Is(unreadable[0].Err, storage.ErrPermission) ||
		!strings.HasPrefix(unreadable[0].Err.Error(), "AccessDenied") {
		t.Errorf("unreadable: %q", unreadable)
	}
}

// A store that knows no such settings says nothing about them: neither that they are there, nor that they are not.
func TestInspectWithoutSettings(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		refuse(w, http.StatusNotImplemented, "NotImplemented")
	})
	got := f.open(t).Inspect(t.Context())
	if len(got.Unreadable) != 3 || got.Versioning != "" || got.ObjectLock != nil {
		t.Errorf("%+v", got)
	}
	for _, setting := range got.Unreadable {
		if setting.Err.Error() != "the store has no such request, so it does not tell" || errors.Is(setting.Err, storage.ErrPermission) {
			t.Errorf("%s: %v", setting.Name, setting.Err)
		}
	}
}

// Whoever has read that a bucket locks objects puts them with a checksum, as AWS demands;
// with checksum=none, it is what the user wants.
func TestChecksumsWhereObjectsAreLocked(t *testing.T) {
	for _, checksum := range []Checksum{"", ChecksumAuto, ChecksumNone} {
		f := newFake(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			switch {
			case r.Method == http.MethodGet:
				w.Header().Set("Content-Type", "application/xml")
				_, _ = io.WriteString(w, "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>"+
					"<Mode>COMPLIANCE</Mode><Days>30</Days></DefaultRetention></Rule></ObjectLockConfiguration>")
			case r.Header.Get("X-Amz-Checksum-Sha256") == "":
				refuse(w, http.StatusBadRequest, "InvalidRequest")
			default:
				w.Header().Set("ETag", `"x"`)
			}
		})
		s := f.open(t, func(o *Options) { o.Checksum = checksum })
		is, err := s.ReadObjectLock(t.Context())
		if err != nil || !is.Enabled || is.Retention.Length() != 30*24*time.Hour {
			t.Fatalf("%+v, %v", is, err)
		}
		err = create(t.Context(), s, "key", "data")
		if wants := checksum != ChecksumNone; (err == nil) != wants || len(f.seen()) != 2 {
			t.Errorf("checksum %q: %v, %d requests", checksum, err, len(f.seen()))
		}
	}
}

// What a store does not say of its locks is an error of its kind.
func TestObjectLockThatIsNotSaid(t *testing.T) {
	for status, c := range map[int]struct {
		code string
		want error
	}{
		403: {"AccessDenied", storage.ErrPermission}, 404: {"ObjectLockConfigurationNotFoundError", nil}, 501: {"NotImplemented", nil},
	} {
		f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ int) { refuse(w, status, c.code) })
		is, err := f.open(t).ReadObjectLock(t.Context())
		if isNone := status == 404; (err == nil) != isNone || c.want != nil && !errors.Is(err, c.want) || is.Enabled {
			t.Errorf("%d: %+v, %v", status, is, err)
		}
	}
	if _, err := storage.ReadObjectLock(t.Context(), storagetest.NewMemory()); !errors.Is(err, storage.ErrNoLocks) {
		t.Errorf("a store without locks: %v", err)
	}
}
