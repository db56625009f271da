package openlog

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// log is one log of the database.
type log struct {
	dir          string
	files        []*file // in their order
	hasMore      bool    // there are files that are not open
	began, image uint32  // as in [Log]
	seen         time.Time
}

type file struct {
	*os.File
	number   uint64
	info     fs.FileInfo
	identity string
}

// add opens the files with these names that come after those that are open.
func (l *log) add(names []string) error {
	l.hasMore = true
	for _, name := range names {
		number, _ := grafeo.LogNumber05(name)
		n := len(l.files)
		if n > 0 && number <= l.files[n-1].number {
			continue
		}
		if n == maxFiles {
			return nil
		}
		f, err := os.Open(filepath.Join(l.dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err == nil && l.hasEnded() {
			err = fs.ErrNotExist // it is of another log than those before it
		}
		if err != nil {
			disk.CloseRead(f)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		l.files = append(l.files, &file{f, number, info, disk.IdentityOf(f)})
	}
	l.hasMore = false
	return nil
}

// hasEnded reports whether the newest file of the log was removed. The database appends to
// that one, and removes it only when it is closed.
func (l *log) hasEnded() bool {
	return l != nil && len(l.files) > 0 && l.files[len(l.files)-1].isRemoved()
}

// isRemoved reports whether the file is not in its folder any more, or another one is in its
// place.
func (f *file) isRemoved() bool {
	now, err := os.Stat(f.Name())
	return err != nil && errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(f.info, now)
}

// open returns the log as it is now.
func (l *log) open() (*Log, error) {
	r := &Log{
		Files: &grafeo.OpenLog{Dir: l.dir}, Identities: map[string]string{}, Whole: l.files[0].number == 0,
		Began: l.began, Image: l.image, Seen: l.seen, log: l,
	}
	for _, f := range l.files {
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		name := filepath.Base(f.Name())
		r.Files.Files = append(r.Files.Files, grafeo.OpenLogFile{Name: name, Content: f, Size: info.Size()})
		r.Identities[name] = f.identity
		if f.isRemoved() {
			r.gone = append(r.gone, f)
		}
	}
	return r, nil
}

// bytes returns how many bytes the open files have.
func (l *log) bytes() int64 {
	n := int64(0)
	for _, f := range l.files {
		if info, err := f.Stat(); err == nil {
			n += info.Size()
		}
	}
	return n
}

// close closes the files for which which is true.
func (l *log) close(which func(*file) bool) {
	l.files = slices.DeleteFunc(l.files, func(f *file) bool {
		if which(f) {
			disk.CloseRead(f)
			return true
		}
		return false
	})
}
