package staging_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/staging"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
)

var (
	gen05     = &manifest.Database{Generation: "0.5"}
	gen06     = &manifest.Database{Generation: "0.6"}
	directory = &manifest.Database{Generation: "0.5", Layout: manifest.Directory}
)

// publish stages a small database and publishes it. If it fails, it takes everything back.
func publish(d disk.Disk, target string, db *manifest.Database, replace bool) error {
	s, err := staging.Open(d, target, staging.Options{Database: db, Replace: replace})
	if err != nil {
		return err
	}
	files := map[string]string{"wal/log": "new log"}
	if db != directory {
		files[manifest.ImageName] = strings.Repeat("new image", 1000)
	}
	err = stage(s, files)
	if err == nil {
		_, err = s.Publish()
	}
	return errors.Join(err, s.Discard())
}

func stage(s *staging.Folder, files map[string]string) error {
	for name, content := range files {
		name = strings.TrimPrefix(name, "wal/")
		f, err := s.Create(name, int64(len(content)))
		if err != nil {
			return err
		}
		if name == manifest.ImageName {
			err = s.WriteImage(f, 0, []byte(content))
		} else {
			_, err = f.WriteAt([]byte(content), 0)
		}
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// contents returns the files in dir, and what they contain. What was moved aside has "aside"
// for its time.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		if before, after, ok := strings.Cut(filepath.ToSlash(name), ".before-restore-"); ok {
			_, rest, _ := strings.Cut(after, "Z")
			name = before + ".aside" + rest
		}
		all[filepath.ToSlash(name)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Wherever publishing stops or fails, there is the old database or the new one after the
// next call, and nothing else.
func TestPublishIsAllOrNothing(t *testing.T) {
	image := strings.Repeat("new image", 1000)
	old := map[string]string{"db": strings.Repeat("old image", 900), "db.wal/log": "old log"}
	aside := map[string]string{"db.aside": old["db"], "db.aside.wal/log": "old log"}
	for _, c := range []struct {
		name string
		db   *manifest.Database
		want map[string]string
	}{
		{"0.5", gen05, map[string]string{"db": image, "db.wal/log": "new log"}},
		{"0.6", gen06, map[string]string{"db": image, "db.wal/log": "new log"}},
		{"directory", directory, map[string]string{"db/wal/log": "new log"}},
	} {
		for _, replace := range []bool{false, true} {
			for _, fault := range []string{"stops before", "stops after", "fails"} {
				t.Run(fmt.Sprintf("%s %v %s", c.name, replace, fault), func(t *testing.T) {
					before, after := map[string]string{}, maps.Clone(c.want)
					if replace {
						before = old
						maps.Copy(after, aside)
					}
					for k := 1; ; k++ {
						dir := t.TempDir()
						for name, content := range before {
							mustWrite(t, filepath.Join(dir, name), content)
						}
						plan := disktest.StopAt(k, fault == "stops after")
						if fault == "fails" {
							plan = disktest.FailAt(k, syscall.EIO)
						}
						d, target := disktest.New(t, dir, plan), filepath.Join(dir, "db")
						err := publish(d, target, c.db, replace)
						isOver := len(d.Steps()) < k
						d.Restart(nil)
						s, openErr := staging.Open(d, target, staging.Options{})
						if openErr != nil {
							t.Fatal(openErr)
						}
						if err := s.Discard(); err != nil {
							t.Fatal(err)
						}
						got := contents(t, dir)
						if isNew := maps.Equal(got, after); !isNew && (err == nil || !maps.Equal(got, before)) {
							t.Fatalf("step %d (%v): %v is there", k, err, keysOf(got))
						}
						if isOver {
							if err != nil {
								t.Fatal(err)
							}
							return
						}
					}
				})
			}
		}
	}
}

func keysOf(files map[string]string) (names []string) {
	for name, content := range files {
		names = append(names, fmt.Sprintf("%s (%d bytes)", name, len(content)))
	}
	return names
}

func mustWrite(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Two restores to one target do not meet.
func TestTargetIsBusy(t *testing.T) {
	target := filepath.Join(t.TempDir(), "folder", "db")
	s, err := staging.Open(disk.OS{}, target, staging.Options{Database: gen06})
	if err != nil {
		t.Fatal(err)
	}
	_, err = staging.Open(disk.OS{}, target, staging.Options{Database: gen06})
	if busy, ok := errors.AsType[*staging.TargetBusyError](err); !ok || busy.Open {
		t.Errorf("the second one: %v", err)
	}
	if err := s.Discard(); err != nil {
		t.Fatal(err)
	}
	if disk.Exists(filepath.Dir(target)) {
		t.Error("the folder above is left")
	}
}

// What is at a target keeps a restore from it, and says whether it can be moved aside.
func TestCheckAbsent(t *testing.T) {
	for _, c := range []struct {
		what                   string
		files, folders         []string
		want                   string // path in the way, "" for none
		isNoDatabase, isFolder bool
	}{
		{"nothing", nil, nil, "", false, false},
		{"an image", []string{"db"}, nil, "db", false, false},
		{"a lone log", []string{"db.wal/log"}, nil, "db.wal", false, false},
		{"an empty spill folder", nil, []string{"db.spill"}, "", false, false},
		{"a folder", nil, []string{"db"}, "db", true, true},
	} {
		dir := t.TempDir()
		for _, name := range c.files {
			mustWrite(t, filepath.Join(dir, name), "something")
		}
		for _, name := range c.folders {
			if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		err := staging.CheckAbsent(filepath.Join(dir, "db"))
		exists, ok := errors.AsType[*staging.ExistsError](err)
		switch {
		case c.want == "" && err != nil, c.want != "" && !ok:
			t.Errorf("%s: %v", c.what, err)
		case ok && (exists.Path != filepath.Join(dir, c.want) || exists.NoDatabase != c.isNoDatabase || exists.Folder != c.isFolder):
			t.Errorf("%s: %+v", c.what, exists)
		}
	}
}

// What a failed restore leaves is resumed by the next one of the same state, and not by one
// of another.
func TestResume(t *testing.T) {
	target := filepath.Join(t.TempDir(), "db")
	chain := []manifest.Digest{manifest.Sum([]byte("full"))}
	content := bytes.Repeat([]byte("log "), 1<<18) // as much as is worth keeping
	open := func(chain []manifest.Digest) *staging.Folder {
		t.Helper()
		s, err := staging.Open(disk.OS{}, target, staging.Options{Database: gen06, Chain: chain, SyncEvery: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	busy := errors.New("the store is busy")

	s := open(chain)
	f, err := s.Create("log", int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	s.Notes.About([]disk.File{f}, []int{0}, staging.HeldBack([]string{"log"}))
	if s.Keep(busy, true) {
		t.Error("nothing is worth keeping")
	}
	if _, err := f.WriteAt(content, 0); err != nil {
		t.Fatal(err)
	}
	note := s.Notes.Begin(1)
	note.Add(0, 0, content)
	s.Notes.Add(note)
	s.SetResumable(false)
	if s.Keep(busy, true) {
		t.Error("what is spoiled is kept")
	}
	s.SetResumable(true)
	if s.Keep(syscall.ENOSPC, false) {
		t.Error("the disk is full, and something is kept")
	}
	if !s.Keep(busy, true) {
		t.Fatal("nothing is kept")
	}
	err = s.Leave(busy, 2<<20)
	if !errors.Is(err, busy) || !strings.Contains(err.Error(), "1048576 of 2097152 bytes, is kept in "+s.Dir) {
		t.Error(err)
	}
	_ = f.Close()

	s = open(chain)
	if !s.Notes.Resumes() || !disk.Exists(filepath.Join(s.LogDir(), "log")) {
		t.Error("nothing is resumed")
	}
	if err := s.Leave(busy, 2<<20); !strings.Contains(err.Error(), "what an earlier run fetched is kept in") {
		t.Error(err)
	}
	s = open([]manifest.Digest{manifest.Sum([]byte("other"))})
	if s.Notes.Resumes() || disk.Exists(filepath.Join(s.LogDir(), "log")) {
		t.Error("another state is resumed")
	}
	if err := s.Discard(); err != nil {
		t.Fatal(err)
	}
}

// What needs more than the disk certainly has is refused; what a killed restore has written
// counts as free.
func TestFreeSpace(t *testing.T) {
	target := filepath.Join(t.TempDir(), "db")
	space := func(sure, ok bool) func(string) (disk.Space, bool) {
		return func(string) (disk.Space, bool) { return disk.Space{Free: 100, Sure: sure}, ok }
	}
	if err := staging.CheckSpace(target, 100, space(true, true)); err != nil {
		t.Error(err)
	}
	err := staging.CheckSpace(target, 101, space(true, true))
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the error is %v", err)
	}
	if err := errors.Join(staging.CheckSpace(target, 101, space(false, true)), staging.CheckSpace(target, 101, space(true, false))); err != nil {
		t.Error(err)
	}
	mustWrite(t, filepath.Join(staging.DirOf(target), "image"), strings.Repeat("x", 8192))
	if bytes, _, _ := staging.FreeSpace(target, space(true, true)); bytes < 8192 {
		t.Errorf("there are %d bytes", bytes)
	}
}

// The staging folder has the target's name, as far as a name may be long.
func TestDirOf(t *testing.T) {
	if got := staging.DirOf("a/db"); got != filepath.FromSlash("a/.db.gbak-restore") {
		t.Error(got)
	}
	if got := filepath.Base(staging.DirOf(strings.Repeat("x", 255))); len(got) > 255 {
		t.Errorf("%d bytes", len(got))
	}
}
