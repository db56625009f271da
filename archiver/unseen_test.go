package archiver_test

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// A manifest is missing, as after an expiry, and from then on the store does not answer: nobody
// knows whether it was removed, so the archive is not called damaged. If the store does answer,
// and nothing has come after it, it is.
func TestMissingWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	m, memory := newModel(t), storagetest.NewMemory()
	for range 3 {
		m.commit(50)
		backup(t, memory, m.path)
	}
	if _, err := newArchive(memory).SetPolicy(t.Context(), &archiver.Rules{Last: 2}); err != nil { // 4
		t.Fatal(err)
	}
	lost := manifest.Seq(3).Key()
	for verb, run := range map[string]func(t *testing.T, a *archiver.Archive) error{
		"backup": func(t *testing.T, a *archiver.Archive) error {
			_, err := a.Backup(t.Context(), m.path, archiver.BackupOptions{NoHold: true})
			return err
		},
		"restore": func(t *testing.T, a *archiver.Archive) error {
			_, err := a.Restore(t.Context(), filepath.Join(t.TempDir(), "db.grafeo"), archiver.RestoreOptions{Target: archiver.AtBackup(3)})
			return err
		},
		"copy": func(t *testing.T, a *archiver.Archive) error {
			_, err := a.Copy(t.Context(), newArchive(storagetest.NewMemory()), archiver.CopyOptions{})
			return err
		},
	} {
		for _, away := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				store := snapshotOf(t, memory).store(t, 0)
				if err := store.Delete(t.Context(), lost); err != nil {
					t.Fatal(err)
				}
				var missed atomic.Int32
				faulty := storagetest.NewFaulty(store, func(op storage.Op, key string, _ int) (f storagetest.Fault) {
					// What is missing is looked for twice.
					if op == storage.OpGet && key == lost {
						missed.Add(1)
					} else if away && missed.Load() >= 2 {
						f.Err = errLost
					}
					return f
				})
				err := run(t, newArchive(faulty))
				want := archiver.CodeDamagedArchive
				if away {
					want = archiver.CodeStore
				}
				if code := archiver.CodeOf(err); code != want {
					t.Errorf("%s, away %v: it is told %s: %v", verb, away, code, err)
				}
			})
		}
	}
}
