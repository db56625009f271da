package s3

import (
	"errors"
	"net/http"
	"testing"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// A bucket of a real server withstands nothing that its owner does; where there are no
// versions, nothing is tried.
func TestTamper(t *testing.T) {
	s := openAddress(t, withPrefix(s3test.NewLockedBucket(t), "probe"))
	put(t, s, "a", "ours")
	for _, how := range []storage.Tampering{
		storage.BackdateVersion, storage.ReplaceVersion, storage.LockBriefly, storage.ShortenLock, storage.DeleteVersion, storage.DeleteVersion,
	} {
		if got, err := s.Tamper(t.Context(), "a", how); got != storage.TamperDone || err != nil {
			t.Errorf("%s: %s, %v", how, got, err)
		}
	}
	if err := s.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Tamper(t.Context(), "a", storage.ReplaceVersion); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("with a delete marker: %v", err)
	}
	for range 2 { // the marker, and what it hides
		if got, err := s.Tamper(t.Context(), "a", storage.DeleteVersion); got != storage.TamperDone || err != nil {
			t.Errorf("%s, %v", got, err)
		}
	}
	if left := s.listVersionsOf(t, "a"); len(left) > 0 {
		t.Errorf("there are the versions %v", left)
	}
	plain := openAddress(t, withPrefix(s3test.NewBucket(t), "probe"))
	put(t, plain, "a", "ours")
	if _, err := plain.Tamper(t.Context(), "a", storage.DeleteVersion); !errors.Is(err, storage.ErrNoVersions) {
		t.Errorf("without versions: %v", err)
	}
	if _, err := plain.Tamper(t.Context(), "b", storage.DeleteVersion); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("without an object: %v", err)
	}
}

// What other servers answer, and what that means: a success of something else is none.
func TestTamperElsewhere(t *testing.T) {
	const done, denied, refused = storage.TamperDone, storage.TamperDenied, storage.TamperRefused
	for name, c := range map[string]struct {
		how    storage.Tampering
		answer func(w http.ResponseWriter, r *http.Request) // to all but a Head
		want   storage.TamperOutcome
		err    error
	}{
		"a put makes another version": {storage.ReplaceVersion, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Amz-Version-Id", "v2") }, refused, nil},
		"a put replaces the version": {storage.ReplaceVersion, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Amz-Version-Id", r.URL.Query().Get("versionId"))
		}, done, nil},
		"a put may name no version":   {storage.ReplaceVersion, func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusBadRequest, "InvalidArgument") }, refused, nil},
		"a put must have a condition": {storage.BackdateVersion, func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusForbidden, "AccessDenied") }, denied, nil},
		"no locks":                    {storage.ShortenLock, func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotImplemented, "NotImplemented") }, refused, nil},
		"a lock":                      {storage.LockBriefly, func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusBadRequest, "InvalidRequest") }, refused, nil},
		"a version that is locked": {storage.DeleteVersion, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Amz-Bypass-Governance-Retention") == "" {
				refuse(w, http.StatusForbidden, "AccessDenied")
			}
		}, done, nil},
		"the wrong credentials": {storage.DeleteVersion, func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusForbidden, "AccessDenied") }, denied, nil},
		"busy":                  {storage.LockBriefly, func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusServiceUnavailable, "SlowDown") }, "", storage.ErrUnavailable},
	} {
		s := newFake(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			if r.Method == http.MethodHead {
				w.Header().Set("X-Amz-Version-Id", "v1")
				return
			}
			c.answer(w, r)
		}).open(t)
		s.options.Timeouts.Total = 1 // a nanosecond: nothing is tried again
		if got, err := s.Tamper(t.Context(), "a", c.how); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// A server that does not believe what a put says of its age files it as the newest version.
func TestBackdatedVersions(t *testing.T) {
	for believes, want := range map[bool]storage.TamperOutcome{true: storage.TamperDone, false: storage.TamperRefused} {
		newest := "v1"
		s := newFake(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			if r.Method == http.MethodPut && !believes {
				newest = "v2"
			}
			w.Header().Set("X-Amz-Version-Id", newest)
		}).open(t)
		if got, err := s.Tamper(t.Context(), "a", storage.BackdateVersion); got != want || err != nil {
			t.Errorf("%v: %s, %v", believes, got, err)
		}
	}
}

// listVersionsOf lists the ids of all versions of a key, with delete markers.
func (s *Store) listVersionsOf(t *testing.T, key string) (ids []string) {
	t.Helper()
	out, err := s.client.ListObjectVersions(t.Context(), &awss3.ListObjectVersionsInput{Bucket: &s.options.Bucket, Prefix: s.objectKey(key)})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range out.Versions {
		ids = append(ids, deref(v.VersionId))
	}
	for _, v := range out.DeleteMarkers {
		ids = append(ids, deref(v.VersionId))
	}
	return ids
}
