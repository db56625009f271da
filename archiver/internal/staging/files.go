package staging

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/access"
	"github.com/gbak-s3/gbak-s3/archiver/internal/resume"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Path returns the path of a name in the staging folder.
func (s *Folder) Path(name string) string { return filepath.Join(s.Dir, name) }

// LogDir returns the path of the folder in which the log is staged.
func (s *Folder) LogDir() string {
	if s.isDirectory {
		return filepath.Join(s.Path(DatabaseFolder), grafeo.DirectoryLog)
	}
	return s.Path(LogFolder)
}

// HeldBack returns the part of the files with these names that is written last: the
// image's first page.
func HeldBack(names []string) resume.HeldBack {
	return resume.HeldBack{File: slices.Index(names, manifest.ImageName), Bytes: headerBytes}
}

// Create makes one of the database's files, by its name in the manifest, with its final
// size: all zeros, or what an earlier restore has left of it.
func (s *Folder) Create(name string, bytes int64) (disk.File, error) {
	path, err := s.place(name)
	if err != nil {
		return nil, err
	}
	rights := s.access.LogFile
	switch {
	case name == manifest.ImageName:
		s.first = make([]byte, min(bytes, headerBytes))
		rights = s.access.Image
	case manifest.IsSpillName(name):
		rights = s.access.SpillFile
	}
	flags := os.O_RDWR | os.O_CREATE | os.O_EXCL
	if s.Notes.Resumes() {
		flags &^= os.O_EXCL
	}
	f, err := s.create(path, flags, rights)
	if err != nil {
		return nil, err
	}
	err = f.Truncate(bytes)
	if err == nil && s.Notes.Resumes() && name == manifest.ImageName {
		_, err = f.WriteAt(make([]byte, len(s.first)), 0) // whatever was on its way there
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// CreateNew makes a file at a path in the staging folder that does not exist yet, with
// the owner, group and mode of an image.
func (s *Folder) CreateNew(path string) (disk.File, error) {
	return s.create(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, s.access.Image)
}

func (s *Folder) create(path string, flags int, a access.Rights) (disk.File, error) {
	f, err := s.Disk.OpenFile(path, flags, a.Created(false))
	if err != nil {
		return nil, err
	}
	s.access.Apply(a, f)
	return f, nil
}

// place returns the path of one of the database's files, in a folder that exists.
func (s *Folder) place(name string) (string, error) {
	switch {
	case name == manifest.ImageName:
		return s.Path(ImageFile), nil
	case manifest.IsSpillName(name):
		return placeSpilled(s, name)
	}
	if s.isDirectory {
		if err := s.makeFolder(s.Path(DatabaseFolder), s.access.Directory); err != nil {
			return "", err
		}
	}
	return filepath.Join(s.LogDir(), name), s.makeFolder(s.LogDir(), s.access.Log)
}

// UnnameableError is the error for a file of the archive whose name no file can have on
// this system.
type UnnameableError struct{ Name string }

func (e *UnnameableError) Error() string {
	return fmt.Sprintf("the archive has spilled vectors in a file named %q, which no file can be named here", e.Name)
}

// placeSpilled is place for a file of the spill folder.
func placeSpilled(s *Folder, name string) (string, error) {
	base, kept, ok := manifest.SplitSpillName(name)
	if !ok || !filepath.IsLocal(base) || filepath.Base(base) != base {
		return "", &UnnameableError{base}
	}
	folder := s.Path(SpillFolder)
	err := s.makeFolder(folder, s.access.Spill)
	if kept && err == nil {
		folder = grafeo.KeptDir(folder)
		err = s.makeFolder(folder, s.access.Spill)
	}
	return filepath.Join(folder, base), err
}

// MakeFolder makes a folder at a path in the staging folder, unless it exists, with the
// owner, group and mode of a log folder.
func (s *Folder) MakeFolder(path string) error { return s.makeFolder(path, s.access.Log) }

func (s *Folder) makeFolder(path string, a access.Rights) error {
	err := s.Disk.Mkdir(path, a.Created(true))
	if err == nil {
		s.access.ApplyFolder(a, path, "")
	}
	if errors.Is(err, fs.ErrExist) {
		if s.Notes.Resumes() { // an earlier restore may have made it with another access
			s.access.ApplyAgain(a, path)
		}
		return nil
	}
	return err
}

// WriteImage writes a part of the image to f, except for its first page, which it keeps.
// Calls with different parts may be concurrent.
func (s *Folder) WriteImage(f io.WriterAt, offset int64, p []byte) error {
	if offset < int64(len(s.first)) {
		n := copy(s.first[offset:], p)
		offset, p = offset+int64(n), p[n:]
	}
	_, err := f.WriteAt(p, offset)
	return err
}

// Complete writes the page that makes the image at path a database, when everything else
// of it is on disk.
func (s *Folder) Complete(path string) error {
	f, err := s.Disk.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer disk.CloseRead(f) // it is synced
	if _, err := f.WriteAt(s.first, 0); err != nil {
		return err
	}
	return f.Sync()
}

// AccessProblem says which owner, group or mode could not be given to what was made, ""
// if all could.
func (s *Folder) AccessProblem() string { return s.access.Problem }
