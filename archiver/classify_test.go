package archiver

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/staging"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// TestCodesOfWrappedErrors classifies errors of several kinds at once: the outer one says
// what happened, the inner ones why.
func TestCodesOfWrappedErrors(t *testing.T) {
	inStore := func(err error) error { return &storage.Error{Op: storage.OpPut, Key: "k", Err: err} }
	damaged := &grafeo.DamageError{What: "a checksum"}
	for _, c := range []struct {
		err  error
		want Code
	}{
		{&commit.UnreadableError{Err: fmt.Errorf("%w: too large", manifest.ErrDamaged)}, CodeFailed},
		{&commit.UnreadableError{Err: &manifest.UnsupportedError{}}, CodeFailed},
		{&commit.UnknownOutcomeError{Err: inStore(storage.ErrPermission)}, CodeUnknownOutcome},
		{&commit.UnknownOutcomeError{Err: &manifest.ObjectError{Key: "k"}}, CodeUnknownOutcome},
		{&journal.NoArchiveError{Err: inStore(storage.ErrNoStore)}, CodeNoArchive},
		{&journal.VanishedError{Err: storage.ErrNoStore}, CodeVanished},
		{&journal.DamagedNewestError{Err: &manifest.ObjectError{Key: "k"}}, CodeDamagedArchive},
		{&journal.DamagedDocumentError{Err: &manifest.ObjectError{Key: "k"}}, CodeDamagedArchive},
		{&capture.UnsteadyError{Err: damaged}, CodeBusyDatabase},
		{&capture.UnsteadyError{Err: fs.ErrNotExist}, CodeBusyDatabase},
		{&capture.MaybeUpgradedError{Err: &capture.OtherDatabaseError{}}, CodeWrongDatabase},
		{fmt.Errorf("it was there: %w", locate.Missing(&grafeo.NotDatabaseError{})), CodeNotDatabase},
		{fmt.Errorf("it was there: %w", locate.Missing(fs.ErrNotExist)), CodeNotFound},
		{&staging.AppearedError{Err: fs.ErrExist}, CodeTargetExists},
		{&staging.SpaceError{}, CodeDiskFull},
		{inStore(errors.Join(storage.ErrUnavailable, objects.ErrLost)), CodeStore},
		{inStore(syscall.ENOSPC), CodeDiskFull},
		{inStore(storage.ErrNoConditionalPut), CodeUnsafeStore},
		{inStore(storage.ErrNotExist), CodeStore},
		{errors.New("anything else"), CodeFailed},
	} {
		if got := classify(c.err); got != c.want {
			t.Errorf("%T (%v): code %s instead of %s", c.err, c.err, got, c.want)
		}
	}
}
