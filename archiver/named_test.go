package archiver_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// A path that can only be a folder's gets the database, under its name, and nothing
// else becomes of it.
func TestRestoreIntoAFolder(t *testing.T) {
	store := storagetest.NewMemory()
	path := copyVector(t, "v0.6.0/live")
	backup(t, store, path)
	name := filepath.Base(path)
	for _, target := range []string{"new/", "new/deep//", "there/", "there/.", "there/sub/..", "."} {
		dir := t.TempDir()
		t.Chdir(dir)
		for _, folder := range []string{"there/sub"} {
			if err := os.MkdirAll(folder, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		want := filepath.Join(dir, target, name)
		r, err := newArchive(store).Restore(t.Context(), target, archiver.RestoreOptions{})
		if err != nil || r.Database != want {
			t.Errorf("to %q: %+v, %v, want %s", target, r.Database, err, want)
			continue
		}
		if info, err := os.Lstat(want); err != nil || !info.Mode().IsRegular() {
			t.Errorf("to %q: %v", target, err)
		}
		_, err = newArchive(store).Restore(t.Context(), target, archiver.RestoreOptions{})
		mustFail(t, err, archiver.CodeTargetExists, want)
	}
}

// The times that are printed for people are cut off; what was cut off is allowed
// for, also at both ends of what can be restored.
func TestTimesThatWereCutOff(t *testing.T) {
	for _, vector := range []string{"v0.6.0/live", "v0.5.42/live"} {
		store := storagetest.NewMemory()
		path := copyVector(t, vector)
		first := backup(t, store, path)
		for _, unit := range []time.Duration{1, time.Microsecond, time.Millisecond, time.Second, time.Minute} {
			at := first.Backup.CreatedAt.Truncate(unit)
			p, err := newArchive(store).Plan(t.Context(), archiver.AtTime(at).Within(unit))
			if err != nil || p.Backup.Seq != 1 || p.Epoch != first.Backup.EndEpoch {
				t.Errorf("%s, %s in units of %v: %+v, %v", vector, at, unit, p, err)
			}
		}
		later, earlier := first.Backup.CreatedAt.Add(time.Hour), first.Backup.CreatedAt.AddDate(-100, 0, 0)
		for _, at := range []time.Time{later, earlier} {
			_, err := newArchive(store).Plan(t.Context(), archiver.AtTime(at).Within(time.Second))
			mustFail(t, err, archiver.CodeUnreachable)
		}
	}
}
