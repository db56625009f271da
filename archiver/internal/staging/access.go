package staging

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/resume"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// access is who may do what with a file or folder that is made.
type access struct {
	user, group int         // -1: whoever makes it, and what the folder says
	mode        fs.FileMode // when it is made, and the umask takes from it
	exact       bool        // it is to have this very mode
}

// accesses are those of what a restore makes: exactly those of what it takes the place
// of, or what the folder above wants. What cannot be done costs nothing but a word.
type accesses struct {
	Image, directory  access // directory: of a database of 0.5 that is one
	Log, logFile      access
	spill, spillFile  access
	Problem           string // the first thing that could not be done, or ""
	problemIsOfTarget string // what it was to be like
}

// private is what has a folder's owner and group where they can be given, and is for
// its owner alone, or, with shared, also for the group to read.
func private(user, group int, shared bool) accesses {
	file, folder := access{user: user, group: group, mode: 0o600}, access{user: user, group: group, mode: 0o700}
	if shared {
		file.mode, folder.mode = 0o640, 0o750
	}
	return accesses{
		Image: file, directory: folder, Log: folder, logFile: file, spill: folder, spillFile: file,
		problemIsOfTarget: "the folder",
	}
}

// AccessesBeside are those of something new in the folder at path.
func AccessesBeside(path string) accesses {
	info, err := os.Stat(path)
	if err != nil {
		return private(-1, -1, false)
	}
	user, group, known := disk.OwnerOf(info)
	shared := known && isForGroup(info.Mode())
	if !known || os.Geteuid() != 0 {
		user = -1
	}
	if !known || os.Geteuid() != 0 && !shared {
		group = -1
	}
	return private(user, group, shared)
}

// isForGroup reports whether a folder is for its group in particular: what is made in
// it belongs to the group, or nobody else may look into it.
func isForGroup(mode fs.FileMode) bool {
	return mode&fs.ModeSetgid != 0 || mode&0o050 == 0o050 && mode&0o007 == 0
}

// AccessesLike are those of the database at target, or, if there is none, of something
// new there.
func AccessesLike(target string) accesses {
	image, isThere := accessOf(target, false)
	logs, hasLogs := accessOfFirst(grafeo.LogDir(target))
	if !isThere {
		image = logs
	}
	if !isThere && !hasLogs {
		return AccessesBeside(filepath.Dir(target))
	}
	folder := image
	folder.mode |= image.mode & 0o444 >> 2 // who may read the file may look in
	like := accesses{Image: image, directory: folder, Log: folder, logFile: image, spill: folder, spillFile: image, problemIsOfTarget: "the database that was there"}
	if hasLogs {
		like.logFile = logs
	}
	if directory, ok := accessOf(target, true); ok {
		like.directory = directory
	}
	if log, ok := accessOf(grafeo.LogDir(target), true); ok {
		like.Log = log
	}
	if file, ok := accessOfFirst(grafeo.SpillDir(target)); ok {
		like.spillFile = file
	}
	if spill, ok := accessOf(grafeo.SpillDir(target), true); ok {
		like.spill = spill
	}
	return like
}

func accessOf(path string, folder bool) (access, bool) {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() != folder || !folder && !info.Mode().IsRegular() {
		return access{}, false
	}
	user, group, known := disk.OwnerOf(info)
	const bits = fs.ModePerm | fs.ModeSetgid | fs.ModeSticky
	return access{user, group, info.Mode() & bits, true}, known
}

// accessOfFirst is that of the first file in a folder.
func accessOfFirst(folder string) (access, bool) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return access{}, false
	}
	for _, e := range entries {
		if e.Type().IsRegular() && e.Name() != grafeo.CursorName {
			return accessOf(filepath.Join(folder, e.Name()), false)
		}
	}
	return access{}, false
}

// Created is the mode with which a file or folder is made: until it has its owner and
// its group, it is for whoever makes it alone.
func (a access) Created(folder bool) fs.FileMode {
	if !a.exact {
		return a.mode
	}
	return created(folder)
}

func created(folder bool) fs.FileMode {
	if folder {
		return 0o700
	}
	return 0o600
}

// Apply gives a file or folder that was just made its owner, group and mode. It is done
// through what is open, and so never to what somebody has put in its place.
func (all *accesses) Apply(a access, f disk.File) {
	info, err := f.Stat()
	if err != nil {
		return
	}
	user, group, known := disk.OwnerOf(info)
	if !known {
		return
	}
	fail := func(err error) {
		if err != nil && all.Problem == "" {
			all.Problem = fmt.Sprintf("owner, group and mode are not those of %s: %v", all.problemIsOfTarget, err)
		}
	}
	foreign := a.group >= 0 && a.group != group
	if a.user >= 0 && a.user != user || foreign {
		err := f.Chown(a.user, a.group)
		if err == nil || foreign && f.Chown(-1, a.group) == nil {
			foreign = false
		}
		fail(err)
	}
	mode := info.Mode() & (fs.ModePerm | fs.ModeSetgid | fs.ModeSticky)
	want := mode &^ (fs.ModePerm &^ a.mode) // an earlier restore may have made it for another place
	if a.exact {
		want = a.mode
		if os.Geteuid() != 0 { // it is still to be written
			want |= created(info.IsDir())
		}
	}
	if foreign {
		want &^= 0o070 // it would be another group that may read
	}
	if want != mode {
		fail(f.Chmod(want))
	}
	if a.exact && !foreign && want != a.mode {
		fail(fmt.Errorf("%s has the mode %#o and not %#o", filepath.Base(f.Name()), want, a.mode))
	}
}

// applyFolder is apply for a folder that was just made, and has nothing in it but what
// is called inside, if that is a name.
func (all *accesses) applyFolder(a access, path, inside string) {
	f, err := disk.OpenFolder(path)
	if err != nil {
		return
	}
	defer disk.CloseRead(f)
	entries, _ := f.ReadDir(2) // an error means that there is no more
	if len(entries) > 1 || len(entries) == 1 && entries[0].Name() != inside {
		return // it is another one than that
	}
	all.Apply(a, f)
}

// applyAgain is apply for a folder that an earlier restore has made.
func (all *accesses) applyAgain(a access, path string) {
	if f, err := disk.OpenFolder(path); err == nil {
		all.Apply(a, f)
		disk.CloseRead(f)
	}
}

// LinkedFolderError is the error for a link that is where a restore has its hidden folder.
type LinkedFolderError struct{ Path string }

func (e *LinkedFolderError) Error() string {
	return e.Path + " is a link, not the folder of a restore"
}

// takeOver makes a hidden folder that another user has left root's: somebody else must
// not be able to put links into it that root's restore would follow. What is in there is
// not gone on with.
func (s *Folder) takeOver() error {
	info, err := os.Lstat(s.Folder)
	if err != nil {
		return nil //nolint:nilerr // another restore has just removed it
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return &LinkedFolderError{s.Folder}
	}
	user, _, known := disk.OwnerOf(info)
	if !known || user == os.Geteuid() || os.Geteuid() != 0 {
		return nil
	}
	f, err := disk.OpenFolder(s.Folder)
	if err != nil {
		return err
	}
	defer disk.CloseRead(f)
	if f.Chown(0, -1) != nil {
		return nil // a file server that does not believe in root: then root has no power to lend
	}
	if err := s.Disk.Remove(s.Path(resume.FileName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return f.Chmod(0o700)
}
