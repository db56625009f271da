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

// access is who may do what with a file or folder that is made: its owner, group and mode.
type access struct {
	user, group int         // -1 for that of who makes it, or what the folder says
	mode        fs.FileMode // when it is made, and the umask takes from it
	exact       bool        // it is to have this very mode
}

// accesses are those of all that a restore makes: exactly those of what it replaces, or
// what suits the folder above. What cannot be done is no error, but noted as a problem.
type accesses struct {
	image            access
	directory        access // of a database of 0.5 that is one
	log, logFile     access
	spill, spillFile access
	like             string // what they are those of, for a problem
	problem          string // the first thing that could not be done, or ""
}

// private returns accesses for this owner and group: for the owner alone or, with shared,
// also for the group to read.
func private(user, group int, shared bool) accesses {
	file, folder := access{user: user, group: group, mode: 0o600}, access{user: user, group: group, mode: 0o700}
	if shared {
		file.mode, folder.mode = 0o640, 0o750
	}
	return accesses{
		image: file, directory: folder, log: folder, logFile: file, spill: folder, spillFile: file,
		like: "the folder",
	}
}

// accessesBeside returns those of something new in the folder at path.
func accessesBeside(path string) accesses {
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

// isForGroup reports whether a folder with this mode is for its group in particular: what
// is made in it belongs to the group, or nobody else may look into it.
func isForGroup(mode fs.FileMode) bool {
	return mode&fs.ModeSetgid != 0 || mode&0o050 == 0o050 && mode&0o007 == 0
}

// accessesLike returns those of the database at target or, if there is none, of something
// new there.
func accessesLike(target string) accesses {
	image, isThere := accessOf(target, false)
	logs, hasLogs := accessOfFirst(grafeo.LogDir(target))
	if !isThere {
		image = logs
	}
	if !isThere && !hasLogs {
		return accessesBeside(filepath.Dir(target))
	}
	folder := image
	folder.mode |= image.mode & 0o444 >> 2 // who may read the file may look in
	all := accesses{
		image: image, directory: folder, log: folder, logFile: image, spill: folder, spillFile: image,
		like: "the database that was there",
	}
	if hasLogs {
		all.logFile = logs
	}
	if directory, ok := accessOf(target, true); ok {
		all.directory = directory
	}
	if log, ok := accessOf(grafeo.LogDir(target), true); ok {
		all.log = log
	}
	if file, ok := accessOfFirst(grafeo.SpillDir(target)); ok {
		all.spillFile = file
	}
	if spill, ok := accessOf(grafeo.SpillDir(target), true); ok {
		all.spill = spill
	}
	return all
}

// accessOf returns that of the file, or folder, at path.
func accessOf(path string, folder bool) (access, bool) {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() != folder || !folder && !info.Mode().IsRegular() {
		return access{}, false
	}
	user, group, known := disk.OwnerOf(info)
	const bits = fs.ModePerm | fs.ModeSetgid | fs.ModeSticky
	return access{user, group, info.Mode() & bits, true}, known
}

// accessOfFirst returns that of the first file in a folder, the cursor excepted.
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

// created returns the mode with which a file or folder is made: until it has its owner and
// group, only its owner may use one that is to have an exact mode.
func (a access) created(folder bool) fs.FileMode {
	if !a.exact {
		return a.mode
	}
	return ownersOnly(folder)
}

func ownersOnly(folder bool) fs.FileMode {
	if folder {
		return 0o700
	}
	return 0o600
}

// apply sets the owner, group and mode of a file or folder that was just created. It uses
// the open file, so it never changes something that somebody has put in its place.
func (all *accesses) apply(a access, f disk.File) {
	info, err := f.Stat()
	if err != nil {
		return
	}
	user, group, known := disk.OwnerOf(info)
	if !known {
		return
	}
	fail := func(err error) {
		if err != nil && all.problem == "" {
			all.problem = fmt.Sprintf("owner, group and mode are not those of %s: %v", all.like, err)
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
			want |= ownersOnly(info.IsDir())
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

// applyFolder is apply for a folder that was just made, and has nothing in it, except what
// is called inside unless that is "".
func (all *accesses) applyFolder(a access, path, inside string) {
	f, err := disk.OpenFolder(path)
	if err != nil {
		return
	}
	defer disk.CloseRead(f)
	entries, _ := f.ReadDir(2) // an error means that there is no more
	if len(entries) > 1 || len(entries) == 1 && entries[0].Name() != inside {
		return // it is another folder
	}
	all.apply(a, f)
}

// applyAgain is apply for a folder that an earlier restore has made.
func (all *accesses) applyAgain(a access, path string) {
	if f, err := disk.OpenFolder(path); err == nil {
		all.apply(a, f)
		disk.CloseRead(f)
	}
}

// LinkedFolderError is the error for a link where a restore has its staging folder.
type LinkedFolderError struct{ Path string }

func (e *LinkedFolderError) Error() string {
	return e.Path + " is a link, not the folder of a restore"
}

// takeOver makes root the owner of a staging folder that another user left behind, so
// that this user cannot put links into it for root's restore to follow. The content of
// the folder is not resumed.
func takeOver(d disk.Disk, dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return nil //nolint:nilerr // another restore has just removed it
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return &LinkedFolderError{dir}
	}
	user, _, known := disk.OwnerOf(info)
	if !known || user == os.Geteuid() || os.Geteuid() != 0 {
		return nil
	}
	f, err := disk.OpenFolder(dir)
	if err != nil {
		return err
	}
	defer disk.CloseRead(f)
	if f.Chown(0, -1) != nil {
		return nil // a file server that does not believe in root: then root has no power to lend
	}
	if err := d.Remove(filepath.Join(dir, resume.FileName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return f.Chmod(0o700)
}
