package archiver_test

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// restoreCase is a restore to be stopped: what is restored, and what is at the target
// before.
type restoreCase struct {
	vector string
	target archiver.Target
	old    string // vector of the database at the target, which --force moves; "" for none
	lone   bool   // it has lost its image
	below  string // folders above the target that are made
	spill  bool   // the restored database has spilled vectors, and so has the old one
	cursor bool   // the target has the cursor of a database that is gone
}

func epoch(n uint64) archiver.Target { return archiver.AtEpoch(n) }

var restoreCases = map[string]restoreCase{
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

// restoreScene is a folder with the target of a restore that is stopped.
type restoreScene struct {
	restoreCase
	t     *testing.T
	store *storagetest.Memory
	dir   string
	old   map[string]string // what is at the target before, by path below the target's folder
	new   map[string]string // what the restore puts there
}

func (c restoreCase) prepare(t *testing.T) *restoreScene {
	t.Helper()
	s := &restoreScene{restoreCase: c, t: t, store: storagetest.NewMemory(), old: map[string]string{}}
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

// again makes a folder in which nothing has happened yet.
func (s *restoreScene) again(t *testing.T) *restoreScene {
	t.Helper()
	fresh := *s
	fresh.t, fresh.dir = t, t.TempDir()
	for name, b := range s.old {
		path := filepath.Join(fresh.dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(b), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return &fresh
}

func (s *restoreScene) path() string {
	return filepath.Join(s.dir, filepath.FromSlash(s.below), "db.grafeo")
}

// run restores to the scene's target, over anything that is there.
func (s *restoreScene) run(d disk.Disk) error {
	return s.restore(d, s.path(), s.restoreCase.old != "")
}

// undisturbed runs the restore in a folder of its own to its good end.
func (s *restoreScene) undisturbed(t *testing.T) *disktest.Recorder {
	t.Helper()
	whole := s.again(t)
	r := disktest.New(t, whole.dir, nil)
	if err := whole.run(r); err != nil {
		t.Fatal(err)
	}
	if n := len(r.Steps()); n < 20 {
		t.Fatalf("%d steps only", n)
	}
	return r
}

func (s *restoreScene) restore(d disk.Disk, path string, force bool) error {
	a := newWith(s.store, archiver.Options{Host: "test", Tool: "test", Concurrency: 1}).On(d).WithoutRaces()
	_, err := a.Restore(s.t.Context(), path, archiver.RestoreOptions{Target: s.target, Force: force})
	return err
}

// found is what is in the folder of the target.
type found struct {
	target map[string]string            // at the target
	aside  map[string]map[string]string // what was moved, by time, under its old names
	others []string                     // everything else, the hidden folder included
}

func (s *restoreScene) find() found {
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

// opens reports whether a Grafeo would make a database of what is at the target: of
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

// sound demands that the target is as it was, whole, or nothing that opens, and
// that nothing of the old database is lost.
func (s *restoreScene) sound(at string) {
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
func (s *restoreScene) next(at string, look bool) {
	s.t.Helper()
	force := s.restoreCase.old != ""
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
