package s3

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// A store copies objects by itself from another prefix and another bucket, and from nowhere else.
func TestCopyFrom(t *testing.T) {
	bucket := s3test.NewBucket(t)
	from, to := openAddress(t, withPrefix(bucket, "team/a b+c")), openAddress(t, withPrefix(s3test.NewBucket(t), "team/other"))
	content := bytes.Repeat([]byte("x"), 1<<20)
	const key = "segments/f/000000-ab.zst"
	put(t, from, key, string(content))
	for name, s := range map[string]*Store{"another bucket": to, "another prefix": openAddress(t, withPrefix(bucket, "b"))} {
		if err := s.CopyFrom(t.Context(), key, from); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		body, _, err := s.Get(t.Context(), key, storage.Range{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if err = errors.Join(err, body.Close()); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	if err := to.CopyFrom(t.Context(), "segments/f/none", from); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("of what does not exist: %v", err)
	}
	elsewhere := openAddress(t, bucket)
	elsewhere.options.Region = "eu-central-9"
	for name, other := range map[string]storage.Storage{
		"memory": storagetest.NewMemory(), "another region": elsewhere,
		"old versions": openAddress(t, withPrefix(bucket, "team/a b+c")+"&versions=oldest"),
	} {
		if err := to.CopyFrom(t.Context(), key, other); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("from %s: %v", name, err)
		}
	}
}
