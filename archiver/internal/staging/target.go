package staging

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/hold"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/errno"
)

// ExistsError is the error for a target at which something exists already.
type ExistsError struct {
	Path       string
	NoDatabase bool // it cannot be a database, and so is never moved aside
	Folder     bool // of what cannot be one: it is a folder
}

func (e *ExistsError) Error() string {
	switch {
	case e.Folder:
		return e.Path + " exists already, and is a folder"
	case e.NoDatabase:
		return e.Path + " exists already, and is not a file"
	}
	return e.Path + " exists already"
}

// TargetBusyError is the error for a target that another process uses: another restore
// or, if it is open, one that has the database open.
type TargetBusyError struct {
	Target string
	Open   bool
}

func (e *TargetBusyError) Error() string {
	if e.Open {
		return e.Target + " is open in another process"
	}
	return fmt.Sprintf("another restore to %s is running", e.Target)
}

// CheckAbsent returns an [*ExistsError] if anything of a database exists at target: to
// restore beside files of an old one would mix the two. An empty spill folder, and a log
// folder with nothing but our cursor, do not count.
func CheckAbsent(target string) error {
	for _, path := range grafeo.Companions(target) {
		_, err := os.Lstat(path)
		if err == nil && path == grafeo.LogDir(target) && hasOnlyCursor(target) {
			continue
		}
		if err == nil && path == grafeo.SpillDir(target) && disk.IsEmptyFolder(path) {
			continue
		}
		if err == nil {
			if err := CheckMovable(target); err != nil {
				return err // the caller must not be sent to --force
			}
			return &ExistsError{Path: path}
		}
		if errno.Is(err, syscall.ENAMETOOLONG) && path != target && path != grafeo.LogDir(target) {
			continue // where the others fit, it cannot be
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// CheckMovable returns an [*ExistsError] if what is at target may not be moved aside. A
// file may, a link, which is moved itself, and a directory that is a database. Another
// folder is most often a mistake for a path in it, and may hold anything.
func CheckMovable(target string) error {
	info, err := os.Lstat(target)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() && grafeo.IsDirectory(target) {
		return nil
	}
	if err != nil || info.Mode().IsRegular() || info.Mode()&fs.ModeSymlink != 0 {
		return err
	}
	return &ExistsError{Path: target, NoDatabase: true, Folder: info.IsDir()}
}

// CheckNothingAt returns an [*ExistsError] if anything exists at the path of a folder that
// is to be made.
func CheckNothingAt(folder string) error {
	_, err := os.Lstat(folder)
	if err == nil {
		err = fs.ErrExist
	}
	if errors.Is(err, fs.ErrExist) {
		return &ExistsError{Path: folder}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// isOccupied reports whether anything of a database exists at target. An empty spill
// folder, as Grafeo 0.5 leaves it beside a database that was removed, does not count.
func isOccupied(target string) bool {
	return slices.ContainsFunc(grafeo.Companions(target), func(path string) bool {
		return disk.Exists(path) && (path != grafeo.SpillDir(target) || !disk.IsEmptyFolder(path))
	})
}

// hasOnlyCursor reports whether the log folder at target has nothing but our cursor: it
// held the log of a database that is gone.
func hasOnlyCursor(target string) bool {
	files, err := os.ReadDir(grafeo.LogDir(target))
	if err != nil || disk.Exists(target) {
		return false
	}
	for _, f := range files {
		if f.Name() != grafeo.CursorName && f.Name() != hold.CursorTempName {
			return false
		}
	}
	holds, err := hold.Read(target)
	return err == nil && len(holds) > 0
}

// isOfGen05 reports whether the file at path is a database of 0.5.
func isOfGen05(path string) bool {
	generation, err := grafeo.Identify(path)
	return err == nil && generation == grafeo.Gen05
}
