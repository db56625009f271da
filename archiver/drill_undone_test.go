package archiver_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// What this host lacks takes the place of no failure that is the archive's, and of no success.
func TestDrillThatCannotBeDoneChangesNoProof(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	backup(t, store, copyVector(t, "v0.6.0/live"))
	undone := func() {
		t.Helper()
		before := len(store.Objects())
		for name, o := range map[string]archiver.DrillOptions{
			"no folder": {Scratch: t.TempDir() + "/none"},
			"no program": {Scratch: t.TempDir(), Check: func(context.Context, string) (archiver.CheckResult, error) {
				return archiver.CheckResult{}, fs.ErrNotExist
			}},
		} {
			if r, err := newArchive(store).Drill(t.Context(), o); err == nil || r.Certificate != "" || archiver.CodeOf(r.NoCertificate) != archiver.CodeFailed {
				t.Errorf("%s: %v, %+v", name, err, r)
			}
		}
		if len(store.Objects()) != before {
			t.Error("something was stored")
		}
	}
	undone()
	if r := status(t, store, ""); r.Proofs.LastDrill != nil || r.ProvenWithin(time.Hour) == nil {
		t.Errorf("before any drill: %+v", r.Proofs)
	}
	drillThat{}.of(t, store)
	undone()
	if isFailed(t, store) {
		t.Error("a drill that could not be done has failed the archive")
	}
	drillThat{fails: true}.of(t, store)
	undone()
	if !isFailed(t, store) {
		t.Error("a drill that could not be done has mended the archive")
	}
}

// An object that the store answers for and does not hand out, such as one in an archive tier, is the archive's
// failure; one that these credentials may not read is not.
func TestDrillOfWhatIsNotHandedOut(t *testing.T) {
	t.Parallel()
	for why, isCertified := range map[error]bool{
		storage.ErrRefused: true, syscall.EIO: true, syscall.EMFILE: false, storage.ErrPermission: false, storage.ErrUnavailable: false, storage.ErrForeign: false,
	} {
		store := storagetest.NewMemory()
		backup(t, store, copyVector(t, "v0.6.0/live"))
		faulty := storagetest.NewFaulty(store, func(op storage.Op, key string, _ int) storagetest.Fault {
			if op == storage.OpGet && strings.HasPrefix(key, manifest.SegmentPrefix) {
				return storagetest.Fault{Err: why}
			}
			return storagetest.Fault{}
		})
		r, err := newArchive(faulty).Drill(t.Context(), archiver.DrillOptions{Scratch: t.TempDir()})
		if !errors.Is(err, why) || (r.Certificate != "") != isCertified {
			t.Errorf("%v: %v, %q", why, err, r.Certificate)
		}
	}
}
