package local_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/local"
)

func TestNeighbours(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"a", "b", "own", "other"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if name != "other" {
			if err := os.WriteFile(filepath.Join(folder, name, "archive.json"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	neighbours := func(path string) ([]string, error) {
		s, err := local.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		return s.Neighbours(t.Context(), "archive.json")
	}
	for own, want := range map[string][]string{
		"own": {"a", "b"}, "a": {"b", "own"}, "not made yet": {"a", "b", "own"}, "a/deep": nil,
	} {
		got, err := neighbours(filepath.Join(folder, own))
		for i := range want {
			want[i] = filepath.Join(folder, want[i])
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("beside %s: %q, %v, want %q", own, got, err, want)
		}
	}
	if _, err := neighbours(filepath.Join(folder, "not mounted", "own")); !errors.Is(err, storage.ErrNoStore) {
		t.Errorf("where there is no folder: %v", err)
	}
}
