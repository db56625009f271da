package archiver_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
)

// A backup to a directory that is killed before the first step on the disk, or
// after any, which is before the one that follows.
func TestBackupIsKilledAnywhere(t *testing.T) {
	for name, c := range backupCasesOnDisk() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prepared := c.prepare(t)
			steps := prepared.undisturbed(t).Steps()
			onEachStep(t, 0, steps, func(t *testing.T, k int) {
				s := prepared.again(t)
				r := disktest.New(t, s.dir, disktest.StopAt(max(k, 1), k > 0))
				_, err := s.run(r)
				mustReach(t, k, r.Steps())
				at := fmt.Sprintf("killed after step %d of %q", k, steps)
				committed := s.sound(at)
				switch code := archiver.CodeOf(err); {
				case err == nil && !committed:
					t.Fatalf("%s: a wrong success", at)
				case err != nil && code != archiver.CodeUnknownOutcome && committed && !strings.HasPrefix(steps[k-1], "link "): // no link is made and fails
					t.Fatalf("%s: it is committed, and says %v", at, err)
				}
				s.next(at, committed)
			})
		})
	}
}

// Whenever the power goes during a backup to a directory, a manifest that is
// there has everything that it names; and what was acknowledged stays.
func TestBackupLosesPowerAnywhere(t *testing.T) {
	for name, c := range backupCasesOnDisk() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.prepare(t)
			s.undisturbed(t).Crashes(func(at, dir string, end bool) {
				crash := *s
				crash.dir = dir
				committed := crash.sound(at)
				if end && !committed {
					t.Fatalf("%s: an acknowledged backup is lost", at)
				}
				if h, err := archiver.Holds(t.Context(), crash.path()); end && (err != nil || len(h.Holds) != 1) {
					t.Fatalf("%s: the log is held by %v, %v", at, h.Holds, err)
				}
				crash.next(at, committed)
			})
		})
	}
}

// What a killed backup has left may not be durable. The next one makes it so before
// it names it, or says that the newest backup has everything.
func TestPowerLossAfterAKilledBackup(t *testing.T) {
	prepared := backupCases["first"].prepare(t)
	for _, last := range []string{"segments/", "archive.json", "manifests/"} {
		s := prepared.again(t)
		r := disktest.New(t, s.dir, func(_ int, step string) disktest.Fault {
			return disktest.Fault{Stop: strings.HasPrefix(step, "link archive/.tmp/put-N archive/"+last), Applied: true}
		})
		if _, err := s.run(r); err == nil {
			t.Fatalf("it was not killed at %s: %v", last, r.Steps())
		}
		r.Restart(nil)
		killed := len(r.Steps())
		if _, err := s.run(r); err != nil {
			t.Fatal(err)
		}
		r.Crashes(func(at, dir string, end bool) {
			crash := *s
			crash.dir = dir
			committed := crash.sound(at)
			if end && !committed {
				t.Fatalf("%s, the next run from %d on: an acknowledged backup is lost", at, killed)
			}
		})
	}
}

// A backup in which any one step on the disk fails has succeeded all the same, or
// says what has failed and leaves nothing.
func TestBackupFailsAnywhere(t *testing.T) {
	codes := map[syscall.Errno]archiver.Code{
		syscall.ENOSPC: archiver.CodeDiskFull, syscall.EDQUOT: archiver.CodeDiskFull,
		syscall.EROFS: archiver.CodePermission, syscall.EIO: archiver.CodeStore,
	}
	for name, c := range backupCasesOnDisk() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prepared := c.prepare(t)
			before := contents(t, filepath.Join(prepared.dir, "db"))
			failed := 0
			onEachStep(t, 1, prepared.undisturbed(t).Steps(), func(t *testing.T, k int) {
				cause := slices.Sorted(maps.Keys(codes))[k%len(codes)]
				s := prepared.again(t)
				r := disktest.New(t, s.dir, disktest.FailAt(k, cause))
				_, err := s.run(r)
				steps := r.Steps()
				mustReach(t, k, steps)
				at := fmt.Sprintf("step %d of %q: %s", k, steps, cause)
				committed := s.sound(at)
				switch {
				case (err == nil) != committed:
					t.Fatalf("%s: %v, committed: %v", at, err, committed)
				case err != nil && archiver.CodeOf(err) != codes[cause]:
					t.Fatalf("%s: code %s of %v", at, archiver.CodeOf(err), err)
				case err != nil && s.seq == 0:
					if diff := cmp.Diff(before, contents(t, filepath.Join(s.dir, "db"))); diff != "" {
						t.Fatalf("%s: left with the database (-want +got)\n%s", at, diff)
					}
				}
				if err != nil {
					failed++
				}
				if left := entriesIf(t, filepath.Join(s.dir, "archive", ".tmp")); len(left) > 0 && !strings.HasPrefix(steps[k-1], "remove ") {
					t.Fatalf("%s: left %q", at, left)
				}
				s.next(at, committed)
			})
			if failed < 3 {
				t.Errorf("it has failed %d times", failed)
			}
		})
	}
}

func entriesIf(t *testing.T, dir string) []string {
	t.Helper()
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		return nil
	}
	return entries(t, dir)
}

// The steps of a first backup to a directory, of a database that is closed: the
// cursor before all, the manifest after everything that it names, each synced
// with its folder before the next.
func TestStepsOfABackup(t *testing.T) {
	golden(t, "backup_steps.txt", backupCasesOnDisk()["first, closed"].prepare(t).undisturbed(t).Text())
}

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a text with that of a file of the testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path, got := filepath.Join("testdata", name), hexName.ReplaceAllString(text, "HEX")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

var hexName = regexp.MustCompile(`[0-9a-f]{16,}`)
