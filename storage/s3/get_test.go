package s3

import (
	"errors"
	"io"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
)

func read(t *testing.T, s *Store, key string) string {
	t.Helper()
	body, _, err := s.Get(t.Context(), key, storage.Range{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		t.Fatal(err)
	}
	return string(data)
}
