package staging

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Publish makes the staged database the one at the target. If it replaces one, that is
// moved aside first, and moved is the path that it has then.
//
// Publishing is two renames, or three, and the write of the image's first page. Their
// order is such that nothing opens before the last of them: 0.6 refuses a log without an
// image, so the image comes last and is whole; 0.5 makes a database of a lone log, so
// there the image comes first and gets its first page last. Spilled vectors, which make no
// database, come before all of them. A directory is published by one rename. Each step is
// durable before the next.
//
// When Publish returns nil, the database is durable. After an error, [Folder.Discard]
// takes back what was done.
func (s *Folder) Publish() (moved string, err error) {
	defer func() { s.isFailed = err != nil }()
	p := &publication{folder: s, mark: mark{
		Log: disk.Exists(s.Path(LogFolder)), Spill: disk.Exists(s.Path(SpillFolder)), Directory: s.isDirectory,
	}}
	if err := p.syncStaged(); err != nil {
		return "", err
	}
	blocks := false // a log of 0.5 is moved aside
	if s.replace && isOccupied(s.Target) {
		if err := CheckMovable(s.Target); err != nil {
			return "", err
		}
		open, err := lockDatabase(s.Target)
		if err != nil {
			return "", err
		}
		defer disk.CloseRead(open)
		p.mark.Aside = filepath.Base(freeAside(s.Target, time.Now()))
		blocks = isOfGen05(s.Target) && disk.Exists(grafeo.LogBeside(s.Target)) // a directory is moved with its log
	} else if hasOnlyCursor(s.Target) {
		if err := s.Disk.Rename(grafeo.LogDir(s.Target), s.Path(cursorFolder)); err != nil {
			return "", err
		}
	}
	p.mark.Block = blocks || s.imageFirst && p.mark.Log
	if err := writeMark(s, p.mark); err != nil {
		return "", err
	}
	if moved, err = p.setAside(blocks); err != nil {
		return "", err
	}
	return moved, p.run()
}

// publication is the moves from the staging folder to the target.
type publication struct {
	folder *Folder
	mark   mark
}

// run moves what is staged, in the order of its kind.
func (p *publication) run() error {
	if p.mark.Spill {
		if err := p.moveSpill(); err != nil {
			return err
		}
	}
	switch {
	case p.mark.Directory:
		return p.move(DatabaseFolder)
	case p.folder.imageFirst && p.mark.Log:
		return p.pageLast()
	}
	return p.imageLast()
}

// syncStaged makes the names of the staged files durable; their bytes are.
func (p *publication) syncStaged() error {
	s := p.folder
	for _, folder := range []string{grafeo.KeptDir(s.Path(SpillFolder)), s.Path(SpillFolder)} {
		if disk.Exists(folder) {
			if err := s.Disk.Sync(folder); err != nil {
				return err
			}
		}
	}
	switch {
	case p.mark.Directory:
		return cmp.Or(s.Disk.Sync(s.LogDir()), s.Disk.Sync(s.Path(DatabaseFolder)))
	case p.mark.Log:
		return s.Disk.Sync(s.LogDir())
	}
	return nil
}

// imageLast puts first the log and then the image, whole, at the target.
func (p *publication) imageLast() error {
	if err := p.folder.Complete(p.folder.Path(ImageFile)); err != nil {
		return err
	}
	if p.mark.Log {
		if err := p.moveLog(); err != nil {
			return err
		}
	}
	return p.move(ImageFile)
}

// pageLast puts first the image without its first page and then the log at the target,
// and writes that page when both names are on disk.
func (p *publication) pageLast() error {
	if err := p.move(ImageFile); err != nil {
		return err
	}
	if err := p.moveLog(); err != nil {
		return err
	}
	return p.folder.Complete(p.folder.Target)
}

func (p *publication) moveLog() error {
	s := p.folder
	log := grafeo.LogDir(s.Target)
	if err := s.Disk.Rename(s.Path(LogFolder), log); err != nil {
		if disk.Exists(log) {
			return &AppearedError{log, err}
		}
		return err
	}
	return s.syncParent()
}

// moveSpill puts the spill folder at the target, in place of an empty one.
func (p *publication) moveSpill() error {
	s := p.folder
	spill := grafeo.SpillDir(s.Target)
	if disk.IsEmptyFolder(spill) {
		if err := s.Disk.RemoveFolder(spill); err != nil {
			return err
		}
	}
	if err := s.Disk.Rename(s.Path(SpillFolder), spill); err != nil {
		if disk.Exists(spill) {
			return &AppearedError{spill, err}
		}
		return err
	}
	return s.syncParent()
}

// move gives the staged image, or directory, its name, unless something has that name.
// Where the file system has no step that does so, it looks first.
func (p *publication) move(name string) error {
	s := p.folder
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
	return s.syncParent()
}

// syncParent makes the names at the target durable.
func (s *Folder) syncParent() error { return s.Disk.Sync(filepath.Dir(s.Target)) }

// AppearedError is the error for a target that somebody else has put there while a restore
// was running.
type AppearedError struct {
	Path string
	Err  error
}

func (e *AppearedError) Error() string {
	return fmt.Sprintf("%s appeared during the restore: %v", e.Path, e.Err)
}

// Unwrap returns what the system said.
func (e *AppearedError) Unwrap() error { return e.Err }
