package archiver_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Nothing but mirroring writes into a mirror, whatever is known of it: by the hold of the database or
// without it, on a host that has a record of the archive or on any other one.
func TestMirrorRefusesWriters(t *testing.T) {
	from := storagetest.NewMemory()
	m := increments(t, from, 40)
	mirrors := map[string]*storagetest.Memory{"complete": storagetest.NewMemory(), "not complete": storagetest.NewMemory(), "of nothing yet": storagetest.NewMemory()}
	mirrorInto(t, from, mirrors["complete"])
	whole := mirrors["complete"].Objects()
	mirrors["copied by another tool"] = refill(t, whole)
	delete(whole, manifest.ArchiveKey)
	mirrors["not complete"] = refill(t, whole)
	mirrors["of nothing yet"] = refill(t, map[string][]byte{manifest.MirrorKey: whole[manifest.MirrorKey]})
	noHold := newModel(t)
	noHold.commit(10)
	for name, to := range mirrors {
		t.Run(name, func(t *testing.T) {
			before := to.Objects()
			state := t.TempDir()
			known := newWith(to, archiver.Options{Host: "test", Tool: "test", Name: "there", State: state}).WithoutRaces()
			hostless := newArchive(to)
			for what, write := range map[string]func(a *archiver.Archive) error{
				"backup": func(a *archiver.Archive) error {
					_, err := a.Backup(t.Context(), m.path, archiver.BackupOptions{NoHold: true})
					return err
				},
				"a first backup": func(a *archiver.Archive) error {
					_, err := a.Backup(t.Context(), noHold.path, archiver.BackupOptions{NewDatabase: true, BeginAnew: true, NoHold: true})
					return err
				},
				"session": func(a *archiver.Archive) error {
					_, err := a.Session(m.path, archiver.SessionOptions{Backup: archiver.BackupOptions{NoHold: true}}).Backup(t.Context(), archiver.SessionBackup{NoHold: true})
					return err
				},
				"plan of a backup": func(a *archiver.Archive) error {
					_, err := a.PlanBackup(t.Context(), m.path, archiver.BackupOptions{NoHold: true})
					return err
				},
				"copy": func(a *archiver.Archive) error {
					_, err := newArchive(from).Copy(t.Context(), a, archiver.CopyOptions{})
					return err
				},
				"pin": func(a *archiver.Archive) error {
					_, err := a.Pin(t.Context(), 2, "")
					return err
				},
				"policy": func(a *archiver.Archive) error {
					_, err := a.SetPolicy(t.Context(), &archiver.Rules{Last: 3})
					return err
				},
				"compact": func(a *archiver.Archive) error {
					_, err := a.Compact(t.Context(), archiver.CompactOptions{})
					return err
				},
				"expire": func(a *archiver.Archive) error {
					_, err := a.Expire(t.Context(), archiver.ExpireOptions{Rules: &archiver.Rules{Last: 1}, Apply: true})
					return err
				},
			} {
				for _, a := range []*archiver.Archive{known, hostless} {
					err := write(a)
					if isReader := what == "expire" || what == "compact"; isReader && archiver.CodeOf(err) == archiver.CodeNoArchive && name != "complete" {
						continue
					}
					if archiver.CodeOf(err) != archiver.CodeMirror {
						t.Errorf("%s: %v (%s)", what, err, archiver.CodeOf(err))
					}
				}
			}
			if diff := cmp.Diff(sumsOf(mirrored(before)), sumsOf(mirrored(to.Objects()))); diff != "" {
				t.Errorf("something was changed\n%s", diff)
			}
		})
	}
}

// To learn that an archive is no mirror, and that one was detached, takes no request: neither a first
// look nor a session sends one more than before.
func TestMirrorCostsNothing(t *testing.T) {
	store := storagetest.NewMemory()
	m := increments(t, store, 40)
	for name, change := range map[string]func(){
		"no mirror": func() {},
		"detached": func() {
			for key, b := range map[string][]byte{
				manifest.MirrorKey:   (&manifest.Mirror{ArchiveID: recordOf(t, store, 1).ArchiveID, At: manifest.Now()}).Encode(),
				manifest.DetachedKey: (&manifest.Mirror{ArchiveID: recordOf(t, store, 1).ArchiveID, At: manifest.Now()}).EncodeDetached(),
			} {
				put(t, store, key, string(b))
			}
		},
	} {
		change()
		m.commit(10)
		r := backup(t, store, m.path)
		if want := (storage.RequestCounts{Put: 1, Get: 2, List: 1}); r.Requests != want {
			t.Errorf("%s: a small increment took %+v", name, r.Requests)
		}
	}
}

// A detached mirror is an archive like any other. Into which of the two with its id the database
// goes on, the hold knows: the other one is refused.
func TestMirrorDetached(t *testing.T) {
	from, to := storagetest.NewMemory(), storagetest.NewMemory()
	m := increments(t, from, 3)
	mirrorInto(t, from, to)
	for _, want := range []bool{true, false} {
		if isFresh, err := newArchive(to).Detach(t.Context()); err != nil || isFresh != want {
			t.Errorf("%v, %v", isFresh, err)
		}
	}
	if _, err := newArchive(from).Detach(t.Context()); archiver.CodeOf(err) != archiver.CodeTargetExists {
		t.Errorf("an archive is detached: %v", err)
	}
	m.commit(10)
	if r := backup(t, to, m.path); r.Backup.Kind != archiver.KindIncremental {
		t.Errorf("the first backup into it is %s: %s", r.Backup.Kind, r.Why)
	}
	m.commit(10)
	_, err := newArchive(from).Backup(t.Context(), m.path, archiver.BackupOptions{})
	code := archiver.CodeVanished
	if isEncrypted {
		code = archiver.CodeDamagedArchive // it may have been set back by somebody
	}
	mustFail(t, err, code)
	if r := backup(t, to, m.path); r.Backup.Kind != archiver.KindIncremental {
		t.Errorf("after the other one was refused: %s: %s", r.Backup.Kind, r.Why)
	}
	mustBeWhole(t, to)
	again := storagetest.NewMemory()
	mirrorInto(t, to, again)
	mustMirror(t, to, again)
}

// A first backup that came between the beginning of a mirroring and its end has the address: the
// mirroring ends, and the archive is no mirror.
func TestMirrorMeetsFirstBackup(t *testing.T) {
	from, to := storagetest.NewMemory(), storagetest.NewMemory()
	increments(t, from, 2)
	own := newModel(t)
	own.commit(10)
	other := storagetest.NewMemory()
	backup(t, other, own.path)
	isDone := false
	look := func(key string) {
		if key != manifest.MirrorKey || isDone {
			return
		}
		isDone = true
		for key, b := range other.Objects() {
			put(t, to, key, string(b))
		}
	}
	_, err := newArchive(from).Mirror(t.Context(), newArchive(&looking{to, look}), archiver.MirrorOptions{})
	mustFail(t, err, archiver.CodeConflict)
	own.commit(10)
	if r := backup(t, to, own.path); r.Backup.Seq != 2 {
		t.Errorf("%+v", r.Backup)
	}
}
