package objects

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// turning is a store that has several versions of an object.
type turning struct {
	*storagetest.Memory
	versions []string
	at       *int
}

func (s turning) TurnVersion(context.Context, string) (int, error) {
	*s.at = (*s.at + 1) % len(s.versions)
	return len(s.versions), nil
}

func (s turning) Get(_ context.Context, key string, _ storage.Range) (io.ReadCloser, storage.ObjectInfo, error) {
	b := []byte(s.versions[*s.at])
	return io.NopCloser(bytes.NewReader(b)), storage.ObjectInfo{Key: key, Size: int64(len(b))}, nil
}

// Where a store has several versions of an object, the one is read that has the right bytes.
func TestTheRightVersionIsRead(t *testing.T) {
	t.Parallel()
	const right = "the right bytes"
	for name, versions := range map[string][]string{
		"the first": {right, "other", "third"}, "the last": {"other", "third", right}, "the middle": {"", right, "the wrong bytes"},
		"none": {"other", "third"}, "none of one": {"other"},
	} {
		at := 0
		s := storeOf(turning{storagetest.NewMemory(), versions, &at})
		b, err := s.ReadSealed(t.Context(), "segments/x", int64(len(right)), sumOf(right), nil)
		isThere := name != "none" && name != "none of one"
		_, damaged := errors.AsType[*manifest.ObjectError](err)
		if isThere && (err != nil || string(b) != right) || !isThere && !damaged {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		at = 0
		b, err = s.Read(t.Context(), "manifests/x", 100, func(b []byte) bool { return string(b) == right })
		if isThere && (err != nil || string(b) != right) || err != nil {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}
