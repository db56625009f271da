package commit

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal/journaltest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// whenFenced lets something happen once, when a commit looks for the fence of keep 3.
func whenFenced(inner storage.Storage, happen func()) storage.Storage {
	done := false
	return storagetest.NewFaulty(inner, func(op storage.Op, k string, _ int) storagetest.Fault {
		if op == storage.OpHead && k == manifest.FenceKey(3) && !done {
			done = true
			happen()
		}
		return storagetest.Fault{}
	})
}

// fenced is an archive with two backups, a keep, 3, and the fence of an expiry that was
// killed before its own keep.
func fenced(t *testing.T) *storagetest.Memory {
	t.Helper()
	store := storagetest.NewMemory()
	commit(t, journaltest.Of(store), 2)
	keepOnly(t, journaltest.Of(store), false, 1, 2)
	f := manifest.Fence{ArchiveID: journaltest.Open(t, journaltest.Of(store)).Archive.ArchiveID, Keep: 3}
	journaltest.Put(t, store, manifest.FenceKey(3), string(f.Encode()))
	return store
}

// A commit after which the newest record cannot be read may count, or not. Nobody is told
// that nothing was committed, and nothing is made of it.
func TestOutcomeBehindADamagedRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := fenced(t)
		store := whenFenced(inner, func() { journaltest.Put(t, inner, manifest.Seq(5).Key(), "{}\n") })
		attempts := 0
		err := Update(t.Context(), journaltest.Of(store), options(), func(h *Head) error {
			attempts++
			m, ix := journaltest.Next(h.Last)
			return h.Commit(t.Context(), m, ix, time.Minute)
		})
		if _, unknown := errors.AsType[*UnknownOutcomeError](err); !unknown || attempts != 1 {
			t.Errorf("%v after %d attempts", err, attempts)
		}
	})
}

// A record behind which there is none is in the log, whether or not the newest keep can be
// read.
func TestCommitAfterADamagedKeep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := fenced(t)
		commit(t, journaltest.Of(inner), 1)
		journaltest.Put(t, inner, manifest.Seq(3).Key(), "{}\n")
		if newest := commit(t, journaltest.Of(inner), 1); newest.Seq != 5 {
			t.Errorf("it is backup %d", newest.Seq)
		}
	})
}

// Who needs an archive with backups is not called with one that has none.
func TestUpdateOfAnEmptyArchive(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	j := journaltest.Of(store)
	commit(t, j, 1)
	if err := store.Delete(t.Context(), manifest.Seq(1).Key()); err != nil {
		t.Fatal(err)
	}
	o := options()
	o.Existing = true
	err := Update(t.Context(), j, o, func(h *Head) error {
		t.Errorf("called with %+v", h)
		return nil
	})
	if _, none := errors.AsType[*journal.NoBackupError](err); !none {
		t.Errorf("%v", err)
	}
}
