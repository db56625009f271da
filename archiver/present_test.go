package archiver_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Whenever a restore was killed, Present says that a database is there only if it is the
// old one or the new one, whole; and if it says that nothing is there, the next restore
// works without force.
func TestPresentAfterAKilledRestore(t *testing.T) {
	for name, c := range restoreCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prepared := c.prepare(t)
			onEachStep(t, 0, prepared.undisturbed(t).Steps(), func(t *testing.T, k int) {
				s := prepared.again(t)
				r := disktest.New(t, s.dir, disktest.StopAt(max(k, 1), k > 0))
				_ = s.run(r)
				mustReach(t, k, r.Steps())
				there, err := archiver.Present(s.path())
				f := s.find()
				at := fmt.Sprintf("killed after step %d: %v, %v, %q", k, there, err, slices.Sorted(maps.Keys(f.target)))
				switch {
				case err != nil:
					if archiver.CodeOf(err) != archiver.CodeTargetExists || !c.lone || !equal(f.target, s.old) {
						t.Fatal(at)
					}
				case there:
					if !equal(f.target, s.new) && !equal(f.target, s.old) || len(f.others) > 0 {
						t.Fatalf("%s, and %q", at, f.others)
					}
				case f.opens() || c.old != "":
					t.Fatal(at)
				default:
					if err := s.restore(disktest.Unsynced{}, s.path(), false); err != nil || !equal(s.find().target, s.new) {
						t.Fatalf("%s; the next restore: %v", at, err)
					}
				}
			})
		})
	}
}

func TestPresent(t *testing.T) {
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.WriteFile(at("text"), []byte("text, and no database"), 0o600))
	check(os.WriteFile(at("empty"), nil, 0o600))
	check(os.Mkdir(at("folder"), 0o700))
	check(os.Symlink(at("nothing"), at("link")))
	check(os.MkdirAll(grafeo.LogDir(at("lone.grafeo")), 0o700))
	check(os.WriteFile(filepath.Join(grafeo.LogDir(at("lone.grafeo")), "wal_0.log"), []byte("x"), 0o600))
	check(os.WriteFile(grafeo.PreUpgrade(at("upgraded.grafeo")), []byte("x"), 0o600))
	server := at("server")
	check(os.Mkdir(server, 0o700))
	check(os.Rename(copyVector(t, "v0.6.0/closed"), grafeo.ServerFiles(server)[0]))
	for _, c := range []struct {
		path  string
		there bool
		code  archiver.Code
	}{
		{at("nothing"), false, ""},
		{at("no/folder/for/it.grafeo"), false, ""},
		{copyVector(t, "v0.6.0/live"), true, ""},
		{copyVector(t, "v0.5.42/live"), true, ""},
		{copyDirectory(t, "v0.5.42/live"), true, ""},
		{server, true, ""},
		{at("text"), false, archiver.CodeTargetExists},
		{at("empty"), false, archiver.CodeTargetExists},
		{at("folder"), false, archiver.CodeTargetExists},
		{at("link"), false, archiver.CodeTargetExists},
		{at("lone.grafeo"), false, archiver.CodeTargetExists},
		{at("upgraded.grafeo"), false, archiver.CodeNotFound},
		{"", false, archiver.CodeFailed},
	} {
		there, err := archiver.Present(c.path)
		if there != c.there || archiver.CodeOf(err) != c.code {
			t.Errorf("%s: %v, %v, want %v and code %q", c.path, there, err, c.there, c.code)
		}
	}
}

// Where an earlier restore has found an archive, there is none no longer: that is no first
// start.
func TestRestoreMissesWhatItFetchedFrom(t *testing.T) {
	target := filepath.Join(t.TempDir(), "db.grafeo")
	left := filepath.Join(filepath.Dir(target), ".db.grafeo.gbak-restore")
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := newArchive(storagetest.NewMemory()).Restore(t.Context(), target, archiver.RestoreOptions{})
	mustFail(t, err, archiver.CodeVanished, "there is no archive", left)
	if known, _ := errors.AsType[*archiver.Error](err); known.Hint == "" {
		t.Error("there is no hint")
	}
}
