package pack

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
	"github.com/gbak-s3/gbak-s3/storage"
)

// A database that is taken away while it is read is gone, whatever the last read has met: that
// is no damage, and nothing that a user has to mend. What a store says, and a verdict on the
// database, stay what they are.
func TestDatabaseThatGoes(t *testing.T) {
	t.Parallel()
	isGone := func(err error) bool {
		_, ok := errors.AsType[*locate.MissingError](err)
		return ok
	}
	for _, c := range []struct {
		met  error
		gone bool
	}{
		{os.ErrNotExist, true},
		{os.ErrPermission, true},
		{&grafeo.DamageError{Path: "it", What: "torn"}, true},
		{&storage.Error{Op: storage.OpPut, Key: "a", Err: storage.ErrNotExist}, false},
		{&capture.OtherDatabaseError{}, false},
	} {
		path := filepath.Join(t.TempDir(), "people.grafeo")
		if err := os.WriteFile(path, []byte("GRAF"), 0o600); err != nil {
			t.Fatal(err)
		}
		err := UntilStable(t.Context(), path, func() error {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			return c.met
		})
		if isGone(err) != c.gone || !c.gone && !errors.Is(err, c.met) {
			t.Errorf("met %v: %v", c.met, err)
		}
	}
}
