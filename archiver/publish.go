package archiver

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// mark is the content of the file "publishing" in the staging folder. It is
// durable before anything changes at the target, so that a crash at any moment
// finds it there: until the last step of publishing is durable, the next restore
// to the target takes back what the killed one has put there, and puts back what
// it has moved aside.
type mark struct {
	Log   bool   `json:"log"`   // the staged database has a log
	Spill bool   `json:"spill"` // and spilled vectors
	Block bool   `json:"block"` // a log of 0.5 is moved: never is it at the target without an image
	Aside string `json:"aside"` // the name that what was at the target gets; "" if nothing is moved

	Directory bool `json:"directory,omitempty"` // the staged database is one, with its log in it
}

// staged is the name in the staging folder of what gets the target's name.
func (m mark) staged() string {
	if m.Directory {
		return databaseFolder
	}
	return imageFile
}

// publish makes the staged database the one at the target. With force what is
// there is moved aside first, and publish tells to where.
//
// Publishing is two renames, or three, and the write of the image's first page. Their
// order is such that nothing opens before the last of them: 0.6 refuses a log without
// an image, so the image comes last and is whole; 0.5 makes a database of a lone
// log, so there the image comes first and gets its first page last. Spilled vectors,
// which make no database, come before all of them. A directory is published by one
// rename. Each step is durable before the next.
//
// When publish returns nil, the database is durable. After an error discard
// takes back what was done.
func (s *staging) publish(force bool) (moved string, err error) {
	defer func() { s.failed = err != nil }()
	m := mark{Log: disk.Exists(s.path(walFolder)), Spill: disk.Exists(s.path(spillFolder)), Directory: s.directory}
	if err := s.syncSpill(); err != nil {
		return "", err
	}
	if err := s.syncStaged(m); err != nil {
		return "", err
	}
	if force && len(occupied(s.target)) > 0 {
		if err := movable(s.target); err != nil {
			return "", err
		}
		open, err := lockDatabase(s.target)
		if err != nil {
			return "", err
		}
		defer open.Close() //nolint:errcheck // it was only locked
		m.Aside = filepath.Base(freeAside(s.target, time.Now()))
		m.Block = ofGen05(s.target) && disk.Exists(grafeo.LogBeside(s.target)) // a directory is moved with its log
	} else if onlyCursor(s.target) {
		if err := s.disk.Rename(grafeo.LogDir(s.target), s.path(cursorFolder)); err != nil {
			return "", err
		}
	}
	blocked := m.Block
	m.Block = m.Block || s.imageFirst && m.Log
	if err := s.writeMark(m); err != nil {
		return "", err
	}
	if moved, err = s.setAside(m.Aside, blocked); err != nil {
		return "", err
	}
	if m.Spill {
		if err := s.moveSpill(); err != nil {
			return moved, err
		}
	}
	switch {
	case m.Directory:
		return moved, s.move(databaseFolder)
	case s.imageFirst && m.Log:
		return moved, s.pageLast()
	}
	return moved, s.imageLast(m.Log)
}

// syncStaged makes the names of the staged files durable; their bytes are.
func (s *staging) syncStaged(m mark) error {
	switch {
	case m.Directory:
		return cmp.Or(s.disk.Sync(s.logFolder()), s.disk.Sync(s.path(databaseFolder)))
	case m.Log:
		return s.disk.Sync(s.logFolder())
	}
	return nil
}

// writeMark makes the mark durable, and before it the names in the staging folder
// and its own.
func (s *staging) writeMark(m mark) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := s.writeNew(s.path(publishingTemp), b); err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return s.disk.Sync(s.folder) },
		func() error { return s.disk.Sync(filepath.Dir(s.folder)) },
		func() error { return s.disk.Rename(s.path(publishingTemp), s.path(publishingName)) },
		func() error { return s.disk.Sync(s.folder) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// writeNew writes a file whose bytes are durable then, and whose name is not.
func (s *staging) writeNew(path string, b []byte) error {
	f, err := s.disk.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// imageLast puts first the log and then the image, whole, at the target.
func (s *staging) imageLast(withLog bool) error {
	if err := s.complete(s.path(imageFile)); err != nil {
		return err
	}
	if withLog {
		if err := s.moveLog(); err != nil {
			return err
		}
	}
	return s.move(imageFile)
}

// pageLast puts first the image without its first page and then the log at the
// target, and writes that page when both names are on disk.
func (s *staging) pageLast() error {
	if err := s.move(imageFile); err != nil {
		return err
	}
	if err := s.moveLog(); err != nil {
		return err
	}
	return s.complete(s.target)
}

func (s *staging) moveLog() error {
	log := grafeo.LogDir(s.target)
	if err := s.disk.Rename(s.path(walFolder), log); err != nil {
		if disk.Exists(log) {
			return &AppearedError{log, err}
		}
		return err
	}
	return s.disk.Sync(filepath.Dir(s.target))
}

// move gives the staged image, or directory, its name, unless something has that
// name. Where the file system has no step that does so, it looks first.
func (s *staging) move(name string) error {
	step := disk.Move
	if name == databaseFolder {
		step = disk.Disk.RenameNew // there are no hard links to directories
	}
	err := step(s.disk, s.path(name), s.target)
	switch {
	case errors.Is(err, fs.ErrExist):
		return &AppearedError{s.target, err}
	case errors.Is(err, disk.ErrNoMove),
		name == databaseFolder && (errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL)):
		if disk.Exists(s.target) {
			return &AppearedError{s.target, fs.ErrExist}
		}
		err = s.disk.Rename(s.path(name), s.target)
	}
	if err != nil {
		return err
	}
	return s.disk.Sync(filepath.Dir(s.target))
}

// AppearedError is the error for a target that somebody else has put there while a
// restore was running.
type AppearedError struct {
	Path string
	Err  error
}

func (e *AppearedError) Error() string {
	return fmt.Sprintf("%s has appeared during the restore: %v", e.Path, e.Err)
}

// Unwrap returns what the system said.
func (e *AppearedError) Unwrap() error { return e.Err }

// complete writes the page that makes the image at path a database, when all else
// of it is on disk.
func (s *staging) complete(path string) error {
	f, err := s.disk.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it is synced
	if _, err := f.WriteAt(s.first, 0); err != nil {
		return err
	}
	return f.Sync()
}

// whereIsOld says where what was at the target is, if it is not there; else "".
func (s *staging) whereIsOld() string {
	m, err := s.readMark()
	if err != nil || m.Aside == "" {
		return ""
	}
	for _, path := range grafeo.Companions(filepath.Join(filepath.Dir(s.target), m.Aside)) {
		if disk.Exists(path) {
			return fmt.Sprintf("; until then the database that was there is at %s", path)
		}
	}
	return ""
}

func (s *staging) readMark() (mark, error) {
	b, err := os.ReadFile(s.path(publishingName))
	m := mark{}
	if json.Unmarshal(b, &m) != nil {
		m = mark{Log: true} // of a version that moved aside before it wrote the mark
	}
	return m, err
}
