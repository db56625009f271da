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
	"github.com/gbak-s3/gbak-s3/internal/shared"
)

// asideName returns the path for an image at target that has to make room: as much of its
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

// freeAside returns the first asideName from now on that nothing has.
func freeAside(target string, now time.Time) string {
	for ; ; now = now.Add(time.Millisecond) {
		if aside := asideName(target, now); !slices.ContainsFunc(grafeo.Companions(aside), disk.Exists) {
			return aside
		}
	}
}

// lockDatabase takes the lock that an open database at target holds, and keeps it until
// the result is closed. A link counts as what it points to, although the log of a
// database that was opened through the link is beside the link. A WAL directory has a
// lock file only from 0.5.43 on; with older versions, nobody can know whether it is open.
func lockDatabase(target string) (io.Closer, error) {
	file := target
	if grafeo.IsDirectory(target) {
		file = filepath.Join(grafeo.LogDir(target), "LOCK")
	}
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() {
		return io.NopCloser(nil), nil //nolint:nilerr // what is not a file is not open
	}
	f, err := shared.OpenFile(file, os.O_RDWR, 0) // it may be moved aside while it is open
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

// setAside moves the companions that are at the target aside, and returns the path of the
// first of them then. It does nothing if the mark has no name for them. The image goes
// first, as 0.6 does not open a log without it; 0.5 does, and so blocks says that the
// place of the image must not be free.
func (p *publication) setAside(blocks bool) (moved string, err error) {
	if p.mark.Aside == "" {
		return "", nil
	}
	s := p.folder
	aside := grafeo.Companions(p.mark.aside(s.Target))
	for i, path := range grafeo.Companions(s.Target) {
		if !disk.Exists(path) {
			continue
		}
		if i == 0 && blocks {
			err = p.exchange(aside[i])
		} else {
			err = s.Disk.Rename(path, aside[i])
		}
		if err == nil {
			err = s.syncParent()
		}
		if err != nil {
			return "", err
		}
		if moved == "" {
			moved = aside[i]
		}
	}
	if isHeadless(s.Target) {
		err = s.Disk.Remove(s.Target)
		if err == nil {
			err = s.syncParent()
		}
	}
	return moved, err
}

// exchange moves the image at the target aside and puts a blocker in its place, in one
// step. Without hard links it is two.
func (p *publication) exchange(aside string) error {
	s := p.folder
	if err := s.Disk.Link(s.Target, aside); err != nil {
		return s.Disk.Rename(s.Target, aside)
	}
	if err := s.syncParent(); err != nil {
		return err
	}
	return block(s)
}

// block puts a page of zeros at the target, instead of what is there: no Grafeo opens it,
// with a log or without.
func block(s *Folder) error {
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

// isHeadless reports whether the file at path has nothing in its first page.
func isHeadless(path string) bool {
	f, err := shared.Open(path)
	if err != nil {
		return false
	}
	defer disk.CloseRead(f)
	page := make([]byte, headerBytes)
	_, err = io.ReadFull(f, page)
	return err == nil && !slices.ContainsFunc(page, func(b byte) bool { return b != 0 })
}
