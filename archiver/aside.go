package archiver

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
)

// asideName is the path for what is at target and has to make room: as much of its
// name as fits, and the time.
func asideName(target string, now time.Time) string {
	dir, name := filepath.Split(target)
	suffix := ".before-restore-" + now.UTC().Format("20060102T150405.000Z")
	longest := companions(suffix)
	if n := maxName - len(longest[len(longest)-1]); len(name) > n {
		for !utf8.RuneStart(name[n]) && n > 1 {
			n--
		}
		name = name[:n]
	}
	return filepath.Join(dir, name+suffix)
}

// lockDatabase takes the lock that the database at target holds as long as it is
// open, until what it returns is closed. A link counts as what it points to: the
// log of a database that was opened by it is beside it.
func lockDatabase(target string) (io.Closer, error) {
	info, err := os.Stat(target)
	if err != nil || !info.Mode().IsRegular() {
		return io.NopCloser(nil), nil //nolint:nilerr // what is no file is not open
	}
	f, err := os.OpenFile(target, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	locked, err := tryLock(f)
	if err == nil && !locked {
		err = &Error{
			Code: CodeTargetBusy,
			Err:  fmt.Errorf("%s is open in another process", target),
			Hint: "Close the database there first, or restore to another path.",
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// setAside moves what is at the target to the name aside and those that belong to
// it, and tells the first of them. It does nothing without a name. The image goes
// first, since 0.6 does not open a log without it.
func (s *staging) setAside(name string) (moved string, err error) {
	if name == "" {
		return "", nil
	}
	parent := filepath.Dir(s.target)
	aside := filepath.Join(parent, name)
	blocked, err := s.block(aside)
	if err != nil {
		return "", err
	}
	for i, path := range companions(s.target) {
		to := companions(aside)[i]
		if i > 0 || !blocked {
			if !exists(path) {
				continue
			}
			if err := s.disk.Rename(path, to); err != nil {
				return "", err
			}
			if err := s.disk.Sync(parent); err != nil {
				return "", err
			}
		}
		if moved == "" {
			moved = to
		}
	}
	if blocked {
		if err := s.disk.Remove(s.target); err != nil {
			return "", err
		}
		return moved, s.disk.Sync(parent)
	}
	return moved, nil
}

// block moves a 0.5 image that has a log aside and puts a page of zeros in its
// place, in one step: 0.5 makes a database of a lone log, and of an image whose
// log has gone before it another one. It tells whether it has done so: for other
// databases, and without hard links, it does nothing.
func (s *staging) block(aside string) (bool, error) {
	generation, err := grafeo.Identify(s.target)
	if err != nil || generation != grafeo.Gen05 || !exists(grafeo.LogDir(s.target)) {
		return false, nil //nolint:nilerr // what is no database of 0.5 needs no care
	}
	parent := filepath.Dir(s.target)
	if err := s.writeNew(s.path(blockerName), make([]byte, headerBytes)); err != nil {
		return false, err
	}
	if err := s.disk.Link(s.target, aside); err != nil {
		return false, nil //nolint:nilerr // if it is more than that, the next step says so
	}
	if err := s.disk.Sync(parent); err != nil {
		return false, err
	}
	if err := s.disk.Rename(s.path(blockerName), s.target); err != nil {
		return false, err
	}
	return true, s.disk.Sync(parent)
}

// putBack moves to the target what was set aside.
func (s *staging) putBack(aside string) error {
	for i, from := range companions(aside) {
		to := companions(s.target)[i]
		var err error
		switch {
		case !exists(from):
		case !exists(to):
			err = s.disk.Rename(from, to)
		case same(from, to): // its second name
			err = s.disk.Remove(from)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
