package archiver_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/internal/sweeptest"
)

// A restore that is killed before the first step on the disk, or after any, which
// is before the one that follows, leaves the target as it was, whole, or nothing
// that opens; and the next one works by itself.
func TestRestoreIsKilledAnywhere(t *testing.T) {
	for name, c := range restoreCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prepared := c.prepare(t)
			steps := prepared.undisturbed(t).Steps()
			onEachStep(t, 0, steps, func(t *testing.T, k int) {
				s := prepared.again(t)
				r := disktest.New(t, s.dir, disktest.StopAt(max(k, 1), k > 0))
				err := s.run(r)
				mustReach(t, k, r.Steps())
				at := fmt.Sprintf("killed after step %d of %q", k, steps)
				if err == nil && !equal(s.find().target, s.new) {
					t.Fatalf("%s: a wrong success", at)
				}
				s.sound(at)
				s.next(at, k%2 == 0)
			})
		})
	}
}

// The same for a loss of power. Once the restore has succeeded, the new database stays,
// with the old one moved aside.
func TestRestoreLosesPowerAnywhere(t *testing.T) {
	for name, c := range restoreCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.prepare(t)
			look := false
			s.undisturbed(t).Crashes(func(at, dir string, end bool) {
				crash := *s
				crash.dir = dir
				if f := crash.find(); end && !equal(f.target, s.new) {
					t.Fatalf("%s: the restored database is gone: %q", at, slices.Sorted(maps.Keys(f.target)))
				}
				crash.sound(at)
				look = !look
				crash.next(at, look)
			})
		})
	}
}

// A loss of power while a restore that has failed takes back what it has done.
func TestTakingBackLosesPowerAnywhere(t *testing.T) {
	for _, name := range []string{"0.6 over 0.6", "0.5 over 0.5", "0.6 over a lone log", "0.6", "a directory over 0.5", "0.5 over a directory"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prepared := restoreCases[name].prepare(t)
			// Before step 16 nothing has changed at the target.
			onEachStep(t, 16, prepared.undisturbed(t).Steps(), func(t *testing.T, k int) {
				s := prepared.again(t)
				r := disktest.New(t, s.dir, disktest.FailAt(k, syscall.EIO))
				err := s.run(r)
				steps := r.Steps()
				mustReach(t, k, steps)
				if err == nil {
					return
				}
				for i := range sweeptest.Steps(k, len(steps), func(i int) bool { return disktest.Changes(steps[i-1]) }) {
					for more := range 2 { // two states after each step
						crash := *s
						crash.dir = filepath.Join(t.TempDir(), "crash")
						r.Crash(uint64(k+2*i+more), i, crash.dir)
						at := fmt.Sprintf("step %d has failed, lost power after step %d of %q", k, i, steps)
						crash.sound(at)
						crash.next(at, true)
					}
				}
			})
		})
	}
}

// A restore in which any one step fails says so with the right code and leaves
// everything as it was; if it was but the clearing up, it has succeeded.
func TestRestoreFailsAnywhere(t *testing.T) {
	causes := []struct {
		err  syscall.Errno
		code archiver.Code
	}{
		{syscall.ENOSPC, archiver.CodeDiskFull}, {syscall.EDQUOT, archiver.CodeDiskFull},
		{syscall.EROFS, archiver.CodePermission}, {syscall.EACCES, archiver.CodePermission},
		{syscall.EIO, archiver.CodeFailed},
	}
	for name, c := range restoreCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prepared := c.prepare(t)
			onEachStep(t, 1, prepared.undisturbed(t).Steps(), func(t *testing.T, k int) {
				cause := causes[k%len(causes)]
				s := prepared.again(t)
				r := disktest.New(t, s.dir, disktest.FailAt(k, cause.err))
				err := s.run(r)
				steps := r.Steps()
				mustReach(t, k, steps)
				at := fmt.Sprintf("step %d, %s: %s", k, steps[k-1], cause.err)
				f := s.find()
				switch {
				case err == nil:
					if !equal(f.target, s.new) {
						t.Fatalf("%s: a wrong success", at)
					}
				case archiver.CodeOf(err) != cause.code:
					t.Fatalf("%s: code %s of %v, want %s", at, archiver.CodeOf(err), err, cause.code)
				case !equal(f.target, s.old) && !s.cursor || len(f.aside)+len(f.others) > 0:
					t.Fatalf("%s: it leaves %q, aside %d, and %q\n%q", at, slices.Sorted(maps.Keys(f.target)), len(f.aside), f.others, steps)
				}
				s.next(at, false)
			})
		})
	}
}

// When the disk fails for good on the way, so that nothing can be put back
// either, the error says where the old database is, and the next restore continues
// from there.
func TestRestoreSaysWhereTheOldDatabaseIs(t *testing.T) {
	for _, name := range []string{"0.6 over 0.6", "0.5 over 0.5", "0.6 over 0.6, no logs"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prepared := restoreCases[name].prepare(t)
			told := 0
			onEachStep(t, 1, prepared.undisturbed(t).Steps(), func(t *testing.T, k int) {
				s := prepared.again(t)
				r := disktest.New(t, s.dir, func(n int, _ string) disktest.Fault {
					if n >= k {
						return disktest.Fault{Err: syscall.EROFS}
					}
					return disktest.Fault{}
				})
				err := s.run(r)
				mustReach(t, k, r.Steps())
				f := s.find()
				if _, there := f.target["db.grafeo"]; err != nil && (!there || !equal(f.target, s.old)) && len(f.aside) > 0 {
					mustFail(t, err, archiver.CodePermission, "db.grafeo.before-restore-"+slices.Collect(maps.Keys(f.aside))[0])
					told++
				}
				s.sound(fmt.Sprint(k))
				s.next(fmt.Sprint(k), false)
			})
			if told < 3 {
				t.Errorf("it was to be told %d times", told)
			}
		})
	}
}

// The steps of restores over a database of the same generation: the mark before
// anything changes at the target, and each step durable before the next.
func TestStepsOfARestore(t *testing.T) {
	for name, file := range map[string]string{"0.6 over 0.6": "restore06_steps.txt", "0.5 over 0.5": "restore05_steps.txt"} {
		golden(t, file, restoreCases[name].prepare(t).undisturbed(t).Text())
	}
}
