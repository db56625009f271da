package archiver_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// crashed is a restore that is stopped at each of its steps on the disk: what is
// restored, and what is at the target before.
type crashed struct {
	vector string
	target archiver.Target
	old    string // vector of the database at the target, which --force moves; "" for none
	lone   bool   // it has lost its image
	below  string // folders above the target that are made
	spill  bool   // the restored database has spilled vectors, and so has the old one
	cursor bool   // the target has the cursor of a database that is gone
}

func epoch(n uint64) archiver.Target { return archiver.Target{Epoch: &n} }

var crashedRestores = map[string]crashed{
	"0.6":                         {vector: "v0.6.0/live"},
	"0.6, into new folders":       {vector: "v0.6.0/live", below: "new/deep"},
	"0.6, an epoch":               {vector: "v0.6.0/live", target: epoch(4)},
	"0.6, no log":                 {vector: "v0.6.0/closed"},
	"0.6, where a cursor is left": {vector: "v0.6.0/live", cursor: true},
	"0.5":                         {vector: "v0.5.42/live"},
	"0.5, no log":                 {vector: "v0.5.42/closed"},
	"0.6 over 0.6":                {vector: "v0.6.0/live", old: "v0.6.0/reopened"},
	"0.6 over 0.6, no logs":       {vector: "v0.6.0/closed", old: "v0.6.0/closed"},
	"0.6 without log over 0.6":    {vector: "v0.6.0/closed", old: "v0.6.0/live"},
	"0.6 over 0.6 without log":    {vector: "v0.6.0/live", old: "v0.6.0/closed"},
	"0.6 over a lone log":         {vector: "v0.6.0/live", old: "v0.6.0/live", lone: true},
	"0.5 over 0.5":                {vector: "v0.5.42/live", old: "v0.5.42/reopened"},
	"0.6 over 0.5":                {vector: "v0.6.0/live", old: "v0.5.42/live"},
	"0.5 over 0.6":                {vector: "v0.5.42/live", old: "v0.6.0/live"},
	"0.5, spilled":                {vector: "v0.5.42/live", spill: true},
	"0.6, spilled":                {vector: "v0.6.0/closed", spill: true},
	"0.5 over 0.5, spilled":       {vector: "v0.5.42/closed", old: "v0.5.42/live", spill: true},
	"0.6 over 0.5, spilled":       {vector: "v0.6.0/live", old: "v0.5.42/closed", spill: true},
	"a directory":                 {vector: "directory/v0.5.42/reopened"},
	"a directory, an epoch":       {vector: "directory/v0.5.42/reopened", target: epoch(1)},
	"a directory over another":    {vector: "directory/v0.5.42/reopened", old: "directory/v0.5.42/live"},
	"a directory over 0.5":        {vector: "directory/v0.5.42/reopened", old: "v0.5.42/live"},
	"a directory over 0.6":        {vector: "directory/v0.5.42/reopened", old: "v0.6.0/live"},
	"0.5 over a directory":        {vector: "v0.5.42/live", old: "directory/v0.5.42/reopened"},
	"0.6 over a directory":        {vector: "v0.6.0/live", old: "directory/v0.5.42/reopened"},
}

// scene is one target of a crashed restore.
type scene struct {
	crashed
	t     *testing.T
	store *storagetest.Memory
	dir   string
	old   map[string]string // what is at the target before, by path below the target's folder
	new   map[string]string // what the restore puts there
}

func (c crashed) prepare(t *testing.T) *scene {
	t.Helper()
	s := &scene{crashed: c, t: t, store: storagetest.NewMemory(), old: map[string]string{}}
	path := copyVector(t, c.vector)
	if c.spill {
		spill(t, path, vectorsName, vectorFile(2, 1, 2))
		spill(t, path, "kept/"+vectorsName, []byte("kept"))
	}
	backup(t, s.store, path)
	whole := t.TempDir()
	if err := s.restore(disktest.Unsynced{}, filepath.Join(whole, "db.grafeo"), false); err != nil {
		t.Fatal(err)
	}
	s.new = contents(t, whole)
	if c.old != "" {
		for name, b := range contents(t, filepath.Dir(copyVector(t, c.old))) {
			if rest, ok := strings.CutPrefix(filepath.ToSlash(name), "tiny.grafeo"); ok {
				s.old["db.grafeo"+rest] = b
			}
		}
	}
	if c.spill && c.old != "" {
		s.old["db.grafeo.spill/"+vectorsName] = "old"
		s.old["db.grafeo.spill/kept/"+vectorsName] = "old, too"
	}
	if c.lone {
		delete(s.old, "db.grafeo")
	}
	if c.cursor {
		path := copyVector(t, "v0.6.0/closed")
		backup(t, storagetest.NewMemory(), path)
		s.old["db.grafeo.wal/backup_cursor.meta"] = contents(t, path+".wal")["backup_cursor.meta"]
	}
	return s
}

// again gives a folder in which nothing has happened yet.
func (s *scene) again() *scene {
	fresh := *s
	fresh.dir = s.t.TempDir()
	for name, b := range s.old {
		path := filepath.Join(fresh.dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(b), 0o600)); err != nil {
			s.t.Fatal(err)
		}
	}
	return &fresh
}

func (s *scene) path() string { return filepath.Join(s.dir, filepath.FromSlash(s.below), "db.grafeo") }

func (s *scene) restore(d disk.Disk, path string, force bool) error {
	a := archiver.New(s.store, archiver.Options{Host: "test", Tool: "test", Concurrency: 1}).On(d).WithoutRaces()
	_, err := a.Restore(s.t.Context(), path, archiver.RestoreOptions{Target: s.target, Force: force})
	return err
}

// found is what is in the folder of the target.
type found struct {
	target map[string]string            // at the target
	aside  map[string]map[string]string // what was moved, by time, under its old names
	others []string                     // everything else, the hidden folder included
}

func (s *scene) find() found {
	s.t.Helper()
	f := found{map[string]string{}, map[string]map[string]string{}, nil}
	dir := filepath.Dir(s.path())
	all := map[string]string{}
	if _, err := os.Stat(dir); err == nil {
		all = contents(s.t, dir)
	}
	for name, b := range all {
		name = filepath.ToSlash(name)
		if rest, ok := strings.CutPrefix(name, "db.grafeo.before-restore-"); ok {
			at := rest[:len("20060102T150405.000Z")]
			if f.aside[at] == nil {
				f.aside[at] = map[string]string{}
			}
			f.aside[at]["db.grafeo"+rest[len(at):]] = b
		} else if strings.HasPrefix(name, "db.grafeo") {
			f.target[name] = b
		} else {
			f.others = append(f.others, name)
		}
	}
	if s.below != "" {
		for _, name := range entries(s.t, s.dir) {
			if name != "new" {
				f.others = append(f.others, name)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, ".db.grafeo.gbak-restore")); err == nil {
		f.others = append(f.others, "the hidden folder")
	}
	return f
}

func equal(a, b map[string]string) bool { return maps.Equal(a, b) }

// opens tells whether a Grafeo would make a database of what is at the target: of
// an image that has a first page, or of a lone log of 0.5.
func (f found) opens() bool {
	image, ok := f.target["db.grafeo"]
	if ok {
		return len(bytes.Trim([]byte(image[:min(len(image), 4096)]), "\x00")) > 0
	}
	for name := range f.target {
		if strings.HasPrefix(name, "db.grafeo/") {
			return true
		}
		if strings.HasPrefix(name, "db.grafeo.wal/wal_0") && len(filepath.Base(name)) < len("wal_00000000000000000000.log") {
			return true
		}
	}
	return false
}

// between demands that the target is as it was, whole, or nothing that opens, and
// that nothing of the old database is lost.
func (s *scene) between(at string) {
	s.t.Helper()
	f := s.find()
	if f.opens() && !equal(f.target, s.old) && !equal(f.target, s.new) {
		s.t.Fatalf("%s: a part would open: %q", at, slices.Sorted(maps.Keys(f.target)))
	}
	if s.cursor {
		return // of a database that is gone
	}
	for name, b := range s.old {
		there := f.target[name] == b
		for _, aside := range f.aside {
			there = there || aside[name] == b
		}
		if !there {
			s.t.Fatalf("%s: %s of the old database is lost; there is %q and aside %v", at, name, slices.Sorted(maps.Keys(f.target)), f.aside)
		}
	}
}

// next runs the restore again: at first without force, perhaps, which must leave
// the old database or the new one; then it must succeed, and leave nothing else.
func (s *scene) next(at string, look bool) {
	s.t.Helper()
	force := s.crashed.old != ""
	if look && force {
		err := s.restore(disktest.Unsynced{}, s.path(), false)
		f := s.find()
		switch {
		case archiver.CodeOf(err) != archiver.CodeTargetExists:
			s.t.Fatalf("%s: without force got %v", at, err)
		case equal(f.target, s.old) && len(f.aside) == 0, equal(f.target, s.new) && len(f.aside) == 1:
		default:
			s.t.Fatalf("%s: the next restore, without force, leaves %q, aside %d", at, slices.Sorted(maps.Keys(f.target)), len(f.aside))
		}
		if len(f.others) > 0 {
			s.t.Fatalf("%s: the next restore, without force, leaves %q", at, f.others)
		}
	}
	finished := equal(s.find().target, s.new)
	err := s.restore(disktest.Unsynced{}, s.path(), force)
	if err != nil && (force || !finished || archiver.CodeOf(err) != archiver.CodeTargetExists) {
		s.t.Fatalf("%s: the next restore: %v", at, err)
	}
	f := s.find()
	if diff := cmp.Diff(s.new, f.target); diff != "" {
		s.t.Fatalf("%s: after the next restore (-want +got)\n%s", at, diff)
	}
	if len(f.others) > 0 {
		s.t.Fatalf("%s: after the next restore there is also %q", at, f.others)
	}
	old := 0
	for _, aside := range f.aside {
		if equal(aside, s.old) {
			old++
		} else if !equal(aside, s.new) {
			s.t.Fatalf("%s: a part of a database is aside: %q", at, slices.Sorted(maps.Keys(aside)))
		}
	}
	if force && old == 0 || !force && len(f.aside) > 0 {
		s.t.Fatalf("%s: after the next restore there are %d aside, and the old one %d times", at, len(f.aside), old)
	}
}

// A restore that is killed before the first step on the disk, or after any, which
// is before the one that follows, leaves the target as it was, whole, or nothing
// that opens; and the next one works by itself.
func TestRestoreIsKilledAnywhere(t *testing.T) {
	for name, c := range crashedRestores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prepared := c.prepare(t)
			for k := 0; ; k++ {
				s := prepared.again()
				r := disktest.New(t, s.dir, disktest.StopAt(max(k, 1), k > 0))
				err := s.restore(r, s.path(), c.old != "")
				steps := r.Steps()
				if len(steps) < k {
					if err != nil || k < 20 {
						t.Fatalf("%d steps, %v", len(steps), err)
					}
					return
				}
				at := fmt.Sprintf("killed after step %d of %q", k, steps)
				if err == nil && !equal(s.find().target, s.new) {
					t.Fatalf("%s: a wrong success", at)
				}
				s.between(at)
				s.next(at, k%2 == 0)
			}
		})
	}
}

// The same for a loss of power; and when the restore has succeeded, the database
// is there for good, and the old one aside.
func TestRestoreLosesPowerAnywhere(t *testing.T) {
	for name, c := range crashedRestores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.prepare(t).again()
			r := disktest.New(t, s.dir, nil)
			if err := s.restore(r, s.path(), c.old != ""); err != nil {
				t.Fatal(err)
			}
			look := false
			r.Crashes(func(at, dir string, end bool) {
				crash := *s
				crash.dir = dir
				if f := crash.find(); end && !equal(f.target, s.new) {
					t.Fatalf("%s: the restored database is gone: %q", at, slices.Sorted(maps.Keys(f.target)))
				}
				crash.between(at)
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
			prepared := crashedRestores[name].prepare(t)
			force := prepared.crashed.old != ""
			for k := 16; ; k++ { // before that nothing has changed at the target
				s := prepared.again()
				r := disktest.New(t, s.dir, disktest.FailAt(k, syscall.EIO))
				err := s.restore(r, s.path(), force)
				steps := r.Steps()
				if len(steps) < k {
					return
				}
				for i := 2 * k; i <= 2*len(steps)+1 && err != nil; i++ {
					crash := *s
					crash.dir = filepath.Join(t.TempDir(), "crash")
					i, seed := i/2, uint64(k+i) // two states after each step
					r.Crash(seed, i, crash.dir)
					at := fmt.Sprintf("step %d has failed, lost power after step %d of %q", k, i, steps)
					crash.between(at)
					crash.next(at, true)
				}
			}
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
	for name, c := range crashedRestores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prepared := c.prepare(t)
			for k := 1; ; k++ {
				cause := causes[k%len(causes)]
				s := prepared.again()
				r := disktest.New(t, s.dir, disktest.FailAt(k, cause.err))
				err := s.restore(r, s.path(), c.old != "")
				steps := r.Steps()
				if len(steps) < k {
					return
				}
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
			}
		})
	}
}

// When the disk fails for good on the way, so that nothing can be put back
// either, the error says where the old database is, and the next restore goes on
// from there.
func TestRestoreSaysWhereTheOldDatabaseIs(t *testing.T) {
	for _, name := range []string{"0.6 over 0.6", "0.5 over 0.5", "0.6 over 0.6, no logs"} {
		prepared := crashedRestores[name].prepare(t)
		told := 0
		for k := 1; ; k++ {
			s := prepared.again()
			r := disktest.New(t, s.dir, func(n int, _ string) disktest.Fault {
				if n >= k {
					return disktest.Fault{Err: syscall.EROFS}
				}
				return disktest.Fault{}
			})
			err := s.restore(r, s.path(), true)
			if len(r.Steps()) < k {
				break
			}
			f := s.find()
			if _, there := f.target["db.grafeo"]; err != nil && (!there || !equal(f.target, s.old)) && len(f.aside) > 0 {
				mustFail(t, err, archiver.CodePermission, "db.grafeo.before-restore-"+slices.Collect(maps.Keys(f.aside))[0])
				told++
			}
			s.between(fmt.Sprint(k))
			s.next(fmt.Sprint(k), false)
		}
		if told < 3 {
			t.Errorf("%s: it was to be told %d times", name, told)
		}
	}
}

// The steps of restores over a database of the same generation: the mark before
// anything changes at the target, and each step durable before the next.
func TestStepsOfARestore(t *testing.T) {
	for name, file := range map[string]string{"0.6 over 0.6": "restore06_steps.txt", "0.5 over 0.5": "restore05_steps.txt"} {
		s := crashedRestores[name].prepare(t).again()
		r := disktest.New(t, s.dir, nil)
		if err := s.restore(r, s.path(), true); err != nil {
			t.Fatal(err)
		}
		golden(t, file, r.Text())
	}
}
