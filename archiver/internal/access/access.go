// Package access decides who may do what with the files and folders that a restore creates,
// and gives them their owner, group and mode.
package access

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Rights say who may do what with a file or folder that is created.
type Rights struct {
	user, group int         // -1 for those of the process, or of the folder if that is setgid
	mode        fs.FileMode // unless exact, the umask applies to it
	exact       bool        // the file is to have exactly this mode
}

// Set is the rights of everything that a restore creates: exactly those of what it replaces
// or, if it replaces nothing, those that suit the folder above. What cannot be done is not
// an error, but noted as a problem.
type Set struct {
	Image            Rights
	Directory        Rights // of a database of 0.5 that is a directory
	Log, LogFile     Rights
	Spill, SpillFile Rights

	Problem string // the first thing that could not be done, or ""

	like string // what they are the rights of, for a problem
}

// Private returns rights for this owner and group, -1 for those of the process: for the
// owner alone or, with shared, also for the group to read.
func Private(user, group int, shared bool) Set {
	file, folder := Rights{user: user, group: group, mode: 0o600}, Rights{user: user, group: group, mode: 0o700}
	if shared {
		file.mode, folder.mode = 0o640, 0o750
	}
	return Set{
		Image: file, Directory: folder, Log: folder, LogFile: file, Spill: folder, SpillFile: file,
		like: "the folder",
	}
}

// Beside returns the rights of something new in the folder at path.
func Beside(path string) Set {
	info, err := os.Stat(path)
	if err != nil {
		return Private(-1, -1, false)
	}
	user, group, known := disk.OwnerOf(info)
	shared := known && isForGroup(info.Mode())
	if !known || os.Geteuid() != 0 {
		user = -1
	}
	if !known || os.Geteuid() != 0 && !shared {
		group = -1
	}
	return Private(user, group, shared)
}

// isForGroup reports whether a folder with this mode is for its group in particular: what
// is made in it belongs to the group, or nobody else may look into it.
func isForGroup(mode fs.FileMode) bool {
	return mode&fs.ModeSetgid != 0 || mode&0o050 == 0o050 && mode&0o007 == 0
}

// Like returns the rights of the database at target or, if there is none, of something new
// there.
func Like(target string) Set {
	image, isThere := of(target, false)
	logs, hasLogs := ofFirst(grafeo.LogDir(target))
	if !isThere {
		image = logs
	}
	if !isThere && !hasLogs {
		return Beside(filepath.Dir(target))
	}
	folder := image
	folder.mode |= image.mode & 0o444 >> 2 // who may read the file may look in
	all := Set{
		Image: image, Directory: folder, Log: folder, LogFile: image, Spill: folder, SpillFile: image,
		like: "the database that was there",
	}
	if hasLogs {
		all.LogFile = logs
	}
	if directory, ok := of(target, true); ok {
		all.Directory = directory
	}
	if log, ok := of(grafeo.LogDir(target), true); ok {
		all.Log = log
	}
	if file, ok := ofFirst(grafeo.SpillDir(target)); ok {
		all.SpillFile = file
	}
	if spill, ok := of(grafeo.SpillDir(target), true); ok {
		all.Spill = spill
	}
	return all
}

// of returns the rights of the file, or folder, at path.
func of(path string, folder bool) (Rights, bool) {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() != folder || !folder && !info.Mode().IsRegular() {
		return Rights{}, false
	}
	user, group, known := disk.OwnerOf(info)
	const bits = fs.ModePerm | fs.ModeSetgid | fs.ModeSticky
	return Rights{user, group, info.Mode() & bits, true}, known
}

// ofFirst returns the rights of the first file in a folder, the cursor excepted.
func ofFirst(folder string) (Rights, bool) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return Rights{}, false
	}
	for _, e := range entries {
		if e.Type().IsRegular() && e.Name() != grafeo.CursorName {
			return of(filepath.Join(folder, e.Name()), false)
		}
	}
	return Rights{}, false
}

// WithFullMode returns a with the mode that leaves everything to the umask.
func (a Rights) WithFullMode() Rights { return Rights{a.user, a.group, fs.ModePerm, false} }

// Created returns the mode with which a file or folder is made: until it has its owner and
// group, only its owner may use one that is to have an exact mode.
func (a Rights) Created(folder bool) fs.FileMode {
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

// Apply sets the owner, group and mode of a file or folder that was just created. It uses
// the open file, so it never changes something that somebody has put in its place.
func (all *Set) Apply(a Rights, f disk.File) {
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
			all.Problem = fmt.Sprintf("owner, group and mode are not those of %s: %v", all.like, err)
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

// ApplyFolder is [Set.Apply] for a folder that was just made, and has nothing in it, except what
// is called inside unless that is "".
func (all *Set) ApplyFolder(a Rights, path, inside string) {
	f, err := disk.OpenFolder(path)
	if err != nil {
		return
	}
	defer disk.CloseRead(f)
	entries, _ := f.ReadDir(2) // an error means that there is no more
	if len(entries) > 1 || len(entries) == 1 && entries[0].Name() != inside {
		return // it is another folder
	}
	all.Apply(a, f)
}

// ApplyAgain is [Set.Apply] for a folder that an earlier restore has made.
func (all *Set) ApplyAgain(a Rights, path string) {
	if f, err := disk.OpenFolder(path); err == nil {
		all.Apply(a, f)
		disk.CloseRead(f)
	}
}
