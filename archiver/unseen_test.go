package archiver_test

import (
	"path/filepath"
	"strings"
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
	lost, next := manifest.Seq(3).Key(), manifest.Seq(5).Key()
	findsDamage := map[string]bool{"drill": true, "verify": true, "salvage": true} // which is no error then
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
		"mirror": func(t *testing.T, a *archiver.Archive) error {
			_, err := a.Mirror(t.Context(), newArchive(storagetest.NewMemory()), archiver.MirrorOptions{})
			return err
		},
		"drill": func(t *testing.T, a *archiver.Archive) error {
			_, err := a.Drill(t.Context(), archiver.DrillOptions{Target: archiver.AtBackup(3), Scratch: t.TempDir(), ReadOnly: true})
			return err
		},
		"export": func(t *testing.T, a *archiver.Archive) error {
			_, err := a.Export(t.Context(), filepath.Join(t.TempDir(), "native"), archiver.ExportOptions{})
			return err
		},
		"verify": func(t *testing.T, a *archiver.Archive) error {
			_, err := a.Verify(t.Context(), archiver.VerifyOptions{Deep: true})
			return err
		},
		"salvage": func(t *testing.T, a *archiver.Archive) error {
			_, err := a.Salvage(t.Context(), archiver.SalvageOptions{})
			return err
		},
		"status": func(t *testing.T, a *archiver.Archive) error {
			_, err := a.Status(t.Context(), archiver.StatusOptions{})
			return err
		},
		"list": func(t *testing.T, a *archiver.Archive) error { _, err := a.List(t.Context()); return err },
		"expire": func(t *testing.T, a *archiver.Archive) error {
			_, err := a.Expire(t.Context(), archiver.ExpireOptions{Rules: &archiver.Rules{Last: 1}, Apply: true})
			return err
		},
		"compact": func(t *testing.T, a *archiver.Archive) error {
			_, err := a.Compact(t.Context(), archiver.CompactOptions{Min: 2, Tail: 1, Apply: true})
			return err
		},
	} {
		for _, away := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				store := snapshotOf(t, memory).store(t, 0)
				if err := store.Delete(t.Context(), lost); err != nil {
					t.Fatal(err)
				}
				var missed, looked atomic.Int32
				faulty := storagetest.NewFaulty(store, func(op storage.Op, key string, _ int) (f storagetest.Fault) {
					switch key {
					case lost:
						missed.Add(1)
					case next:
						looked.Add(1)
					}
					// What is missing is looked for twice, and what may have come since when the archive is opened.
					if away && (missed.Load() >= 2 && key != lost || looked.Load() >= 2) {
						f.Err = errLost
					}
					return f
				})
				err := run(t, newArchive(faulty))
				want := archiver.CodeDamagedArchive
				switch {
				case away:
					want = archiver.CodeStore
				case findsDamage[verb]:
					want = ""
				}
				if code := archiver.CodeOf(err); code != want {
					t.Errorf("%s, away %v: it is told %s: %v", verb, away, code, err)
				}
			})
		}
	}
}

// An object of a mirror is damaged, as it would seem after an expiry there, and the store does not say
// whether it is there at all.
func TestDamageOfAMirrorWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	for _, away := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m, from, to := newModel(t), storagetest.NewMemory(), storagetest.NewMemory()
			m.commit(manifest.MaxInlineBytes + 5000)
			backup(t, from, m.path)
			mirrorInto(t, from, to)
			spoilt := ""
			for key, b := range to.Objects() {
				if strings.HasPrefix(key, manifest.SegmentPrefix) {
					spoilt = key
					put(t, to, key, strings.Repeat("x", len(b)))
				}
			}
			faulty := storagetest.NewFaulty(to, func(op storage.Op, key string, _ int) (f storagetest.Fault) {
				if away && op == storage.OpHead && key == spoilt {
					f.Err = errLost
				}
				return f
			})
			_, err := newArchive(from).Mirror(t.Context(), newArchive(faulty), archiver.MirrorOptions{Deep: true})
			want := archiver.CodeDamagedArchive
			if away {
				want = archiver.CodeStore
			}
			mustFail(t, err, want, spoilt)
		})
	}
}
