// Package openlog keeps the log files of a 0.5 database open, so that what a clean close
// removes can still be read. 0.5 removes its log when it is closed, and nothing can keep it
// from doing so; but it does not truncate the files, and one that is open can be read to
// its end after it was removed (docs/grafeo-format.md, section 5.5). Databases of 0.6 hold
// their log instead, see room hold.
//
// Its terms:
//
//   - [Files] are the log files of one database that are open.
//   - A [Log] begins with its first file, when the database is opened, and ends when the
//     database is closed. It may have several runs, if a process was killed between.
//   - A removed log has files that are not in the log folder any more.
//
// An open file takes a file descriptor, and a removed one its space on the disk until it is
// closed. So few are open, and whoever reads them says what is not needed any more.
package openlog

import (
	"slices"
	"sync"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// maxFiles is how many files of a log are open at most. Grafeo begins a new one after 64
// MiB, so that more mean that the archive is far behind.
const maxFiles = 8

// Files are the log files of one database that are open. The zero value has none, and a nil
// one never does. Again may be called beside the other methods, which are called one after
// another.
type Files struct {
	mu      sync.Mutex
	path    string
	current *log // that is in the log folder, nil if there is none
	ended   *log // one that ended while it was open, nil if there is none

	// quiet is the checksum of the headers of the image at the last look, if there was no
	// log then, else 0.
	quiet uint32
}

// Look opens the log files of the database at path that are not open yet, and finds out
// whether the log has ended. It opens nothing where an open file would be in the way of the
// database.
func (f *Files) Look(path string) error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.path = path
	return f.look(path)
}

// Again is Look for the database that was looked at last, and reports whether a log that has
// ended is open. It does nothing if there was no look.
func (f *Files) Again() (hasEnded bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.path == "" {
		return false, nil
	}
	err = f.look(f.path)
	return f.ended != nil || f.current.hasEnded(), err
}

func (f *Files) look(path string) error {
	if generation, err := grafeo.Identify(path); err == nil && generation != grafeo.Gen05 && f.current == nil {
		f.quiet = 0
		return nil // the directory of an image of 0.6 may be long
	}
	seen, before := manifest.Now(), headers(path)
	if f.current.hasEnded() {
		f.end()
	}
	dir := grafeo.LogBeside(path)
	names, err := grafeo.ListLogs05(dir)
	if err != nil {
		return err
	}
	isNew := f.current == nil
	if isNew {
		f.current = &log{dir: dir}
	}
	if before != 0 && len(names) > 0 && disk.CanRemoveOpen(dir) {
		err = f.current.add(names)
	}
	if len(f.current.files) == 0 {
		f.current = nil
	}
	if err != nil || f.current.hasEnded() { // meanwhile: the next look sees it
		f.quiet = 0
		return err
	}
	image := headers(path)
	if image != before {
		image = 0 // it is being written
	}
	switch {
	case f.current == nil && len(names) > 0:
		f.quiet = 0
		return nil
	case f.current == nil:
		f.quiet = image
		return nil
	case isNew && image == f.quiet, f.current.bytes() == 0:
		f.current.began = image
	}
	f.quiet = 0
	f.current.seen, f.current.image = seen, image
	return nil
}

// end takes note that the current log has ended. If another one that has ended is still
// open, that one is kept: what came after it cannot continue what the archive has.
func (f *Files) end() {
	if f.ended == nil {
		f.ended = f.current
	} else {
		f.current.close(func(*file) bool { return true })
	}
	f.current = nil
}

// Removed returns the log of which files were removed while they were open: one that has
// ended, or the current one if the database has dropped some of its files. It is nil if
// there is none.
func (f *Files) Removed() (*Log, error) {
	if f == nil {
		return nil, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended != nil {
		return f.ended.open()
	}
	if f.current != nil && slices.ContainsFunc(f.current.files, (*file).isRemoved) {
		return f.current.open()
	}
	return nil, nil
}

// Current returns the log that is in the log folder, nil if its newest files are not open.
func (f *Files) Current() (*Log, error) {
	if f == nil {
		return nil, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current == nil || f.current.hasMore {
		return nil, nil
	}
	return f.current.open()
}

// Drop closes the files of a log that [Files.Removed] has returned, as far as they were
// removed then.
func (f *Files) Drop(l *Log) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	l.log.close(func(x *file) bool { return slices.Contains(l.gone, x) })
	f.forgetEmpty()
}

// DropBefore closes the files of the current log before the one with this number.
func (f *Files) DropBefore(number uint64) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current != nil {
		f.current.close(func(x *file) bool { return x.number < number })
	}
	f.forgetEmpty()
}

// forgetEmpty forgets logs of which no file is open any more.
func (f *Files) forgetEmpty() {
	if f.ended != nil && len(f.ended.files) == 0 {
		f.ended = nil
	}
	if f.current != nil && len(f.current.files) == 0 {
		f.current = nil
	}
}

// RemovedBytes returns how much space on the disk the files take up that were removed and
// are still open.
func (f *Files) RemovedBytes() int64 {
	if f == nil {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended == nil {
		return 0
	}
	return f.ended.bytes()
}

// Close closes all files.
func (f *Files) Close() {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range []*log{f.ended, f.current} {
		if l != nil {
			l.close(func(*file) bool { return true })
		}
	}
	f.path, f.ended, f.current, f.quiet = "", nil, nil, 0
}

// headers returns the checksum of the headers of the image of the database at path; 0 if it
// is no file of 0.5, or cannot be read now.
func headers(path string) uint32 {
	image, err := grafeo.ReadDatabase(path)
	if err != nil || image.Generation != grafeo.Gen05 {
		return 0
	}
	return image.HeadersCRC32C()
}

// Log is a log of which the files are open.
type Log struct {
	Files      *grafeo.OpenLog
	Identities map[string]string // of the files, see [disk.Identity]
	Whole      bool              // it has all files from the first one on

	// Began and Image are the checksums of the headers of the image on which the log began,
	// and of the one that there was when the log was last seen in its folder; 0 if that is
	// not known.
	Began, Image uint32

	Seen time.Time // when that was, zero if it never was

	log  *log
	gone []*file // those that were removed
}
