package staging

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
		return DatabaseFolder
	}
	return ImageFile
}

// Publish makes the staged database the one at the target. With force what is
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
func (s *Folder) Publish(force bool) (moved string, err error) {
	defer func() { s.failed = err != nil }()
	m := mark{Log: disk.Exists(s.Path(WalFolder)), Spill: disk.Exists(s.Path(SpillFolder)), Directory: s.Directory}
	if err := s.syncSpill(); err != nil {
		return "", err
	}
	if err := s.syncStaged(m); err != nil {
		return "", err
	}
	if force && len(occupied(s.Target)) > 0 {
		if err := CheckMovable(s.Target); err != nil {
			return "", err
		}
		open, err := lockDatabase(s.Target)
		if err != nil {
			return "", err
		}
		defer disk.CloseRead(open)
		m.Aside = filepath.Base(freeAside(s.Target, time.Now()))
		m.Block = ofGen05(s.Target) && disk.Exists(grafeo.LogBeside(s.Target)) // a directory is moved with its log
	} else if onlyCursor(s.Target) {
		if err := s.Disk.Rename(grafeo.LogDir(s.Target), s.Path(cursorFolder)); err != nil {
			return "", err
		}
	}
	blocked := m.Block
	m.Block = m.Block || s.ImageFirst && m.Log
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
		return moved, s.move(DatabaseFolder)
	case s.ImageFirst && m.Log:
		return moved, s.pageLast()
	}
	return moved, s.imageLast(m.Log)
}

// syncStaged makes the names of the staged files durable; their bytes are.
func (s *Folder) syncStaged(m mark) error {
	switch {
	case m.Directory:
		return cmp.Or(s.Disk.Sync(s.LogFolder()), s.Disk.Sync(s.Path(DatabaseFolder)))
	case m.Log:
		return s.Disk.Sync(s.LogFolder())
	}
	return nil
}

// writeMark makes the mark durable, and before it the names in the staging folder
// and its own.
func (s *Folder) writeMark(m mark) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := s.writeNew(s.Path(publishingTemp), b); err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return s.Disk.Sync(s.Folder) },
		func() error { return s.Disk.Sync(filepath.Dir(s.Folder)) },
		func() error { return s.Disk.Rename(s.Path(publishingTemp), s.Path(publishingName)) },
		func() error { return s.Disk.Sync(s.Folder) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// writeNew writes a file whose bytes are durable then, and whose name is not.
func (s *Folder) writeNew(path string, b []byte) error {
	f, err := s.Disk.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
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
func (s *Folder) imageLast(withLog bool) error {
	if err := s.Complete(s.Path(ImageFile)); err != nil {
		return err
	}
	if withLog {
		if err := s.moveLog(); err != nil {
			return err
		}
	}
	return s.move(ImageFile)
}

// pageLast puts first the image without its first page and then the log at the
// target, and writes that page when both names are on disk.
func (s *Folder) pageLast() error {
	if err := s.move(ImageFile); err != nil {
		return err
	}
	if err := s.moveLog(); err != nil {
		return err
	}
	return s.Complete(s.Target)
}

func (s *Folder) moveLog() error {
	log := grafeo.LogDir(s.Target)
	if err := s.Disk.Rename(s.Path(WalFolder), log); err != nil {
		if disk.Exists(log) {
			return &AppearedError{log, err}
		}
		return err
	}
	return s.Disk.Sync(filepath.Dir(s.Target))
}

// move gives the staged image, or directory, its name, unless something has that
// name. Where the file system has no step that does so, it looks first.
func (s *Folder) move(name string) error {
	step := disk.Move
	if name == DatabaseFolder {
		step = disk.Disk.RenameNew // there are no hard links to directories
	}
	err := step(s.Disk, s.Path(name), s.Target)
	switch {
	case errors.Is(err, fs.ErrExist):
		return &AppearedError{s.Target, err}
	case errors.Is(err, disk.ErrNoMove),
		name == DatabaseFolder && (errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL)):
		if disk.Exists(s.Target) {
			return &AppearedError{s.Target, fs.ErrExist}
		}
		err = s.Disk.Rename(s.Path(name), s.Target)
	}
	if err != nil {
		return err
	}
	return s.Disk.Sync(filepath.Dir(s.Target))
}

// AppearedError is the error for a target that somebody else has put there while a
// restore was running.
type AppearedError struct {
	Path string
	Err  error
}

func (e *AppearedError) Error() string {
	return fmt.Sprintf("%s appeared during the restore: %v", e.Path, e.Err)
}

// Unwrap returns what the system said.
func (e *AppearedError) Unwrap() error { return e.Err }

// Complete writes the page that makes the image at path a database, when all else
// of it is on disk.
func (s *Folder) Complete(path string) error {
	f, err := s.Disk.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it is synced
	if _, err := f.WriteAt(s.first, 0); err != nil {
		return err
	}
	return f.Sync()
}

// WhereIsOld says where what was at the target is, if it is not there; else "".
func (s *Folder) WhereIsOld() string {
	m, err := s.readMark()
	if err != nil || m.Aside == "" {
		return ""
	}
	for _, path := range grafeo.Companions(filepath.Join(filepath.Dir(s.Target), m.Aside)) {
		if disk.Exists(path) {
			return fmt.Sprintf("; until then the database that was there is at %s", path)
		}
	}
	return ""
}

func (s *Folder) readMark() (mark, error) {
	b, err := os.ReadFile(s.Path(publishingName))
	m := mark{}
	if json.Unmarshal(b, &m) != nil {
		m = mark{Log: true} // of a version that moved aside before it wrote the mark
	}
	return m, err
}
