package s3

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// setVersioning makes the bucket of s keep versions, or stop that.
func setVersioning(t *testing.T, s *Store, status types.BucketVersioningStatus) {
	t.Helper()
	_, err := s.client.PutBucketVersioning(t.Context(), &awss3.PutBucketVersioningInput{
		Bucket: &s.options.Bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: status},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// putAsOld puts an object that says it was put a week ago. MinIO believes that of everybody.
func putAsOld(t *testing.T, s *Store, key, data string) {
	t.Helper()
	_, err := s.client.PutObject(t.Context(), &awss3.PutObjectInput{
		Bucket: &s.options.Bucket, Key: s.objectKey(key), Body: strings.NewReader(data),
	}, func(o *awss3.Options) {
		old := time.Now().Add(-7 * 24 * time.Hour).UTC().Format(time.RFC3339Nano)
		o.APIOptions = append(o.APIOptions, smithyhttp.AddHeaderValue("X-Minio-Source-Mtime", old))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, s *Store, key string) {
	t.Helper()
	if err := s.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
}

func readPart(t *testing.T, s *Store, key string, r storage.Range) string {
	t.Helper()
	body, _, err := s.Get(t.Context(), key, r)
	if err != nil {
		return err.Error()
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// oldestOf opens what s shows of the oldest versions, with small pages.
func oldestOf(t *testing.T, s *Store, before time.Time) *Store {
	t.Helper()
	o := s.options
	o.Versions, o.Before = VersionsOldest, before
	old := openOptions(t, o)
	old.options.pageSize = 3
	return old
}

// Whatever is done to keys that were written once, their first content can be read.
func TestOldestVersions(t *testing.T) {
	for name, locked := range map[string]bool{"locked": true, "versions": false} {
		t.Run(name, func(t *testing.T) {
			bucket := s3test.NewBucket
			if locked {
				bucket = s3test.NewLockedBucket
			}
			s := openAddress(t, withPrefix(bucket(t), "p"))
			setVersioning(t, s, types.BucketVersioningStatusEnabled)
			var keys []string
			for i := range 8 {
				key := fmt.Sprintf("m/%d", i)
				keys = append(keys, key)
				put(t, s, key, "ours "+key)
			}
			for range 7 { // more than two pages
				put(t, s, "m/1", "overwritten")
			}
			remove(t, s, "m/2")
			put(t, s, "m/3", "overwritten")
			remove(t, s, "m/3")
			remove(t, s, "m/3")
			remove(t, s, "m/8") // which leaves nothing but a marker
			for range 4 {
				remove(t, s, "m/4")
			}
			put(t, s, "m/4", "new")
			put(t, s, "m/1.more", "a key that begins like another one")
			if locked {
				putAsOld(t, s, "m/5", "older than old")
				putAsOld(t, s, "m/5", "older than old, too")
				put(t, s, "m/6", "overwritten")
				putAsOld(t, s, "m/6", "older than old")
				remove(t, s, "m/6")
			}
			want := slices.Clone(keys)
			want = slices.Insert(want, 2, "m/1.more")

			old := oldestOf(t, s, time.Time{})
			if got := list(t, old, "m/", ""); !slices.Equal(got, want) {
				t.Errorf("listed %q, want %q", got, want)
			}
			if got := list(t, old, "m/", "m/4"); !slices.Equal(got, want[6:]) {
				t.Errorf("listed %q after m/4, want %q", got, want[6:])
			}
			for _, view := range []*Store{old, oldestOf(t, s, time.Time{})} { // after a list, and without one
				for _, key := range keys {
					if got := readPart(t, view, key, storage.Range{}); got != "ours "+key {
						t.Errorf("%s is %q", key, got)
					}
					if got := readPart(t, view, key, storage.Range{Offset: 5}); got != key {
						t.Errorf("%s from byte 5 is %q", key, got)
					}
					info, err := view.Head(t.Context(), key)
					if err != nil || info.Size != int64(len("ours "+key)) {
						t.Errorf("%s: %+v, %v", key, info, err)
					}
				}
				if _, err := view.Head(t.Context(), "m/8"); !errors.Is(err, storage.ErrNotExist) {
					t.Errorf("a key with nothing but a marker: %v", err)
				}
				if err := view.CheckOrigin(t.Context(), "m/1"); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// What was put at a certain time or later does not exist before it, whatever it says of itself.
func TestBefore(t *testing.T) {
	s := openAddress(t, s3test.NewLockedBucket(t))
	put(t, s, "m/1", "ours")
	put(t, s, "m/2", "ours")
	info, err := s.Head(t.Context(), "m/2")
	if err != nil {
		t.Fatal(err)
	}
	before := info.ModTime.Add(time.Second)
	waitUntil(t, s, before)
	put(t, s, "m/1", "overwritten")
	put(t, s, "m/3", "garbage")
	putAsOld(t, s, "m/4", "garbage of the past")
	remove(t, s, "m/2")
	old := oldestOf(t, s, before)
	if got := list(t, old, "", ""); !slices.Equal(got, []string{"m/1", "m/2"}) {
		t.Errorf("listed %q", got)
	}
	if got := readPart(t, old, "m/1", storage.Range{}); got != "ours" {
		t.Errorf("got %q", got)
	}
	for _, key := range []string{"m/3", "m/4"} {
		if _, err := old.Head(t.Context(), key); !errors.Is(err, storage.ErrNotExist) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// waitUntil waits until the clock of the store has passed a time.
func waitUntil(t *testing.T, s *Store, at time.Time) {
	t.Helper()
	for {
		now, err := s.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if now.After(at) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// A bucket that began to keep versions later, or that keeps none.
func TestOldestWithoutVersions(t *testing.T) {
	s := openAddress(t, s3test.NewBucket(t))
	put(t, s, "key", "ours")
	if got := readPart(t, oldestOf(t, s, time.Time{}), "key", storage.Range{}); got != "ours" {
		t.Errorf("without versions: %q", got)
	}
	setVersioning(t, s, types.BucketVersioningStatusEnabled)
	put(t, s, "key", "overwritten")
	remove(t, s, "key")
	if got := readPart(t, oldestOf(t, s, time.Time{}), "key", storage.Range{}); got != "ours" {
		t.Errorf("with versions since: %q", got)
	}
}

// A store of oldest versions is not written, and does not even ask.
func TestOldestIsReadOnly(t *testing.T) {
	s := oldestOf(t, openAddress(t, s3test.NewBucket(t)), time.Time{})
	var requests storage.Requests
	ctx := storage.CountRequests(t.Context(), &requests)
	_, putErr := s.Put(ctx, "key", strings.NewReader("data"), storage.PutOptions{IfAbsent: true})
	_, allErr := s.DeleteAll(ctx, []string{"key"})
	for _, err := range []error{putErr, s.Delete(ctx, "key"), allErr} {
		if !errors.Is(err, storage.ErrReadOnly) {
			t.Errorf("got %v", err)
		}
	}
	if n := requests.Counts().Total(); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// Reading a key takes one list, once, and what a list has shown takes none.
func TestOldestCostsOneList(t *testing.T) {
	s := openAddress(t, s3test.NewBucket(t))
	put(t, s, "a", "data")
	put(t, s, "b", "data")
	old := oldestOf(t, s, time.Time{})
	old.retention.isRead = true
	var requests storage.Requests
	for range 2 {
		body, _, err := old.Get(storage.CountRequests(t.Context(), &requests), "a", storage.Range{})
		if err != nil {
			t.Fatal(err)
		}
		body.Close()
	}
	if n := requests.Counts(); n != (storage.RequestCounts{List: 1, Get: 2}) {
		t.Errorf("two reads took %+v", n)
	}
	list(t, old, "", "")
	requests = storage.Requests{}
	if _, err := old.Head(storage.CountRequests(t.Context(), &requests), "b"); err != nil {
		t.Fatal(err)
	}
	if n := requests.Counts(); n != (storage.RequestCounts{Head: 1}) {
		t.Errorf("after a list, a Head took %+v", n)
	}
}

// Over a delete marker, MinIO creates an object if it is absent: so a number whose manifest
// was deleted can be used again, and the oldest version is still the first one.
func TestCreateOverADeleteMarker(t *testing.T) {
	s := openAddress(t, s3test.NewLockedBucket(t))
	for i, data := range []string{"first", "second"} {
		if err := create(t.Context(), s, "key", data); err != nil {
			t.Fatal(i, err)
		}
		remove(t, s, "key")
	}
	if got := readPart(t, oldestOf(t, s, time.Time{}), "key", storage.Range{}); got != "first" {
		t.Errorf("got %q", got)
	}
}

// A store that does not say how to go on, or lists without order, is an error.
func TestVersionsThatLie(t *testing.T) {
	const a, b = "<Version><Key>prefix/a</Key><VersionId>1</VersionId></Version>", "<Version><Key>prefix/b</Key><VersionId>1</VersionId></Version>"
	for name, c := range map[string]struct{ page, want string }{
		"no marker":      {a + "<IsTruncated>true</IsTruncated>", "not how to get them"},
		"the same place": {a + "<IsTruncated>true</IsTruncated><NextKeyMarker>prefix/a</NextKeyMarker>", "not how to get them"},
		"no order":       {b + a, "does not list in order"},
		"nothing at all": {"", "empty body"},
	} {
		f := newFake(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			if r.URL.Query().Has("object-lock") {
				refuse(w, http.StatusNotFound, "ObjectLockConfigurationNotFoundError")
				return
			}
			w.Header().Set("Content-Type", "application/xml")
			fmt.Fprintf(w, "<ListVersionsResult>%s</ListVersionsResult>", c.page)
		})
		s := f.open(t, func(o *Options) { o.Versions = VersionsOldest })
		var last error
		for _, err := range s.List(t.Context(), "", "") {
			last = err
		}
		if last == nil || !strings.Contains(last.Error(), c.want) {
			t.Errorf("%s: %v", name, last)
		}
	}
}

// A version that is not what was expected is passed over for the next one, around.
func TestTurnVersion(t *testing.T) {
	s := openAddress(t, s3test.NewLockedBucket(t))
	put(t, s, "key", "1")
	put(t, s, "key", "2")
	putAsOld(t, s, "key", "3")
	put(t, s, "key.more", "another key")
	old := oldestOf(t, s, time.Time{})
	for _, want := range []string{"1", "2", "3", "1"} {
		if got := readPart(t, old, "key", storage.Range{}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if n, err := old.TurnVersion(t.Context(), "key"); n != 3 || err != nil {
			t.Errorf("%d versions, %v", n, err)
		}
	}
	for _, view := range []*Store{old, s} {
		if n, err := view.TurnVersion(t.Context(), "key.more"); n != 0 || err != nil {
			t.Errorf("%d versions, %v", n, err)
		}
	}
}
