package staging

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// asideName is the path for what is at target and has to make room: as much of its
// name as fits, and the time.
func asideName(target string, now time.Time) string {
	dir, name := filepath.Split(target)
	suffix := ".before-restore-" + now.UTC().Format("20060102T150405.000Z")
	longest := grafeo.Companions(suffix)
	if n := maxName - len(longest[len(longest)-1]); len(name) > n {
		for !utf8.RuneStart(name[n]) && n > 1 {
			n--
		}
		name = name[:n]
	}
	return filepath.Join(dir, name+suffix)
}

// freeAside is the first asideName from now on that nothing has.
func freeAside(target string, now time.Time) string {
	for ; ; now = now.Add(time.Millisecond) {
		if aside := asideName(target, now); !slices.ContainsFunc(grafeo.Companions(aside), disk.Exists) {
			return aside
		}
	}
}

// lockDatabase takes the lock that the database at target holds as long as it is
// open, until what it returns is closed. A link counts as what it points to: the
// log of a database that was opened by it is beside it. A WAL directory has a file for
// it from 0.5.43 on; before, nobody can know whether one is open.
func lockDatabase(target string) (io.Closer, error) {
	file := target
	if grafeo.IsDirectory(target) {
		file = filepath.Join(grafeo.LogDir(target), "LOCK")
	}
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() {
		return io.NopCloser(nil), nil //nolint:nilerr // what is no file is not open
	}
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	locked, err := disk.TryLock(f)
	if err == nil && !locked {
		err = &TargetBusyError{Target: target, Open: true}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// setAside moves what is at the target to the name aside and those that belong to
// it, and tells the first of them. It does nothing without a name. The image goes
// first, since 0.6 does not open a log without it; block says that it is 0.5,
// which does.
func (s *Folder) setAside(name string, block bool) (moved string, err error) {
	if name == "" {
		return "", nil
	}
	aside := filepath.Join(filepath.Dir(s.Target), name)
	for i, path := range grafeo.Companions(s.Target) {
		if !disk.Exists(path) {
			continue
		}
		to := grafeo.Companions(aside)[i]
		if i == 0 && block {
			err = s.exchange(to)
		} else {
			err = s.Disk.Rename(path, to)
		}
		if err == nil {
			err = s.syncParent()
		}
		if err != nil {
			return "", err
		}
		if moved == "" {
			moved = to
		}
	}
	if headless(s.Target) {
		err = s.Disk.Remove(s.Target)
		if err == nil {
			err = s.syncParent()
		}
	}
	return moved, err
}

// exchange moves the image at the target aside and puts a blocker in its place, in
// one step. Without hard links it is two.
func (s *Folder) exchange(aside string) error {
	if err := s.Disk.Link(s.Target, aside); err != nil {
		return s.Disk.Rename(s.Target, aside)
	}
	if err := s.syncParent(); err != nil {
		return err
	}
	return s.block()
}

// block puts a page of zeros at the target, instead of what is there: no Grafeo
// opens it, with a log or without.
func (s *Folder) block() error {
	f, err := s.Disk.OpenFile(s.Path(blockerName), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = f.Truncate(headerBytes)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return s.Disk.Rename(s.Path(blockerName), s.Target)
}

// takeBack ends a publication that was not finished, or has failed: what was
// published goes back into the staging folder, what was moved aside to the target,
// the image last. So while something is left to do, no image is at the target, or
// a headless one; a crash on the way leaves that and the mark, and it is done
// again.
func (s *Folder) takeBack() error {
	m, err := s.readMark()
	if err != nil {
		return err
	}
	aside := ""
	if m.Aside != "" {
		aside = filepath.Join(filepath.Dir(s.Target), m.Aside)
	}
	if done, err := s.takeImageBack(m, aside); err != nil || done {
		return err
	}
	if m.Log && !disk.Exists(s.Path(WalFolder)) && disk.Exists(grafeo.LogDir(s.Target)) {
		err = s.Disk.Rename(grafeo.LogDir(s.Target), s.Path(WalFolder))
	}
	if err == nil && m.Spill {
		err = s.takeSpillBack()
	}
	if err == nil && aside != "" && (!disk.Exists(s.Target) || headless(s.Target)) {
		err = s.putBack(aside)
	}
	if err == nil && m.Block && headless(s.Target) { // there was no image
		err = s.Disk.Remove(s.Target)
	}
	if err != nil {
		return err
	}
	return s.syncParent()
}

// putBack moves to the target what was set aside, in place of a blocker.
func (s *Folder) putBack(aside string) error {
	for i, from := range slices.Backward(grafeo.Companions(aside)) {
		if i == 0 {
			if err := s.syncParent(); err != nil {
				return err
			}
		}
		if !disk.Exists(from) {
			continue
		}
		if i == 0 && headless(s.Target) && grafeo.IsDirectory(from) {
			// A directory is not renamed over the page that kept the place.
			if err := s.Disk.Remove(s.Target); err != nil {
				return err
			}
		}
		if err := s.Disk.Rename(from, grafeo.Companions(s.Target)[i]); err != nil {
			return err
		}
	}
	return nil
}

// takeImageBack takes the new image away from the target. It tells whether that
// is all: if the publication has succeeded, or the old image is there again.
func (s *Folder) takeImageBack(m mark, aside string) (done bool, err error) {
	staged := s.Path(m.staged())
	ours := disk.Exists(s.Target) && (!disk.Exists(staged) || disk.IsSame(staged, s.Target))
	switch {
	case ours && !headless(s.Target) && !s.failed:
		return true, nil
	case headless(s.Target) && m.Block: // blocked already, perhaps not on disk yet
	case aside != "" && disk.IsSame(aside, s.Target): // it was to be moved
		err = s.Disk.Remove(aside)
	case disk.Exists(s.Target) && !ours: // it was not moved yet, or is somebody's
		return false, nil
	case ours && m.Directory:
		if err = s.Disk.Rename(s.Target, staged); err == nil && m.Block {
			err = s.block()
		}
	case m.Block:
		err = s.block()
	case ours:
		err = s.Disk.Remove(s.Target)
	}
	if err != nil {
		return false, err
	}
	return false, s.syncParent()
}

func (s *Folder) syncParent() error { return s.Disk.Sync(filepath.Dir(s.Target)) }

// ofGen05 tells whether the file at path is a database of 0.5.
func ofGen05(path string) bool {
	generation, err := grafeo.Identify(path)
	return err == nil && generation == grafeo.Gen05
}

// headless tells whether the file at path has nothing in its first page.
func headless(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer disk.CloseRead(f)
	page := make([]byte, headerBytes)
	_, err = io.ReadFull(f, page)
	return err == nil && !slices.ContainsFunc(page, func(b byte) bool { return b != 0 })
}
