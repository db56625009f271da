package archiver

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// staging is the hidden folder beside a target in which a database is put
// together:
//
//	.people.grafeo.gbak-restore/
//	    lock         held as long as a restore works here; free after a crash
//	    image        the database file, its first page missing until the end
//	    wal/         its log
//	    spill/       its spilled vectors
//	    database/    or all of a database that is a directory
//	    journal      which parts of them are there (restore_journal.go)
//	    publishing   there from before anything changes at the target
//
// After a crash, what the journal names is read back by the next restore of the same
// state, and everything else is worth nothing, and is removed;
// the mark "publishing" tells it what to take back first (publish.go).
type staging struct {
	disk   disk.Disk
	target string
	folder string
	lock   disk.File
	first  []byte   // the image's first page, held back
	made   []string // folders above the target that were not there, the lowest first

	access    accesses // of what is made, set before anything is
	directory bool     // the database is one (0.5)
	journal   *journal // of what is fetched into it; nil if nothing of it is to stay

	imageFirst bool // of the two names
	spoiled    bool // what is staged is not what was to be
	failed     bool // what is published is to be taken back, even if it is whole
}

const (
	lockName       = "lock"
	imageFile      = "image"
	walFolder      = "wal"
	spillFolder    = "spill"
	databaseFolder = "database"
	cursorFolder   = "cursor" // the log folder of a database that is gone
	blockerName    = "blocker"
	publishingName = "publishing"
	publishingTemp = "publishing.tmp"

	// headerBytes is the part of the image without which it is no database:
	// its first page with the magic number.
	headerBytes = 4096
)

// maxName is how long the name of a file may be, in bytes.
const maxName = 255

func stagingFolder(target string) string {
	name := "." + filepath.Base(target) + ".gbak-restore"
	if len(name) > maxName {
		sum := sha256.Sum256([]byte(name))
		name = "." + hex.EncodeToString(sum[:]) + ".gbak-restore"
	}
	return filepath.Join(filepath.Dir(target), name)
}

// occupied returns the paths of a database at target that are there and say something of
// one: an empty spill folder, as Grafeo 0.5 leaves it beside a database that was removed,
// does not.
func occupied(target string) []string {
	return slices.DeleteFunc(grafeo.Companions(target), func(path string) bool {
		return !disk.Exists(path) || path == grafeo.SpillDir(target) && disk.IsEmptyFolder(path)
	})
}

// ExistsError is the error for a target at which something is already.
type ExistsError struct {
	Path       string
	NoDatabase bool // it cannot be one, and so is never moved aside
	Folder     bool // of what cannot be one: it is a folder
}

func (e *ExistsError) Error() string {
	switch {
	case e.Folder:
		return e.Path + " exists already, and is a folder"
	case e.NoDatabase:
		return e.Path + " exists already, and is no file"
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

// free is nil if nothing is at target, else an [*ExistsError]: to restore beside files of
// an old database would mix the two.
func free(target string) error {
	for _, path := range grafeo.Companions(target) {
		_, err := os.Lstat(path)
		if err == nil && path == grafeo.LogDir(target) && onlyCursor(target) {
			continue
		}
		if err == nil && path == grafeo.SpillDir(target) && disk.IsEmptyFolder(path) {
			continue
		}
		if err == nil {
			if err := movable(target); err != nil {
				return err // the caller must not be sent to --force
			}
			return &ExistsError{Path: path}
		}
		if errors.Is(err, syscall.ENAMETOOLONG) && path != target && path != grafeo.LogDir(target) {
			continue // where the others fit, it cannot be
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// movable is nil if what is at target may be moved aside: a file, a link, which is
// moved itself, or a directory that is a database. Another folder is most often a
// mistake for a path in it, and may hold anything.
func movable(target string) error {
	info, err := os.Lstat(target)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() && grafeo.IsDirectory(target) {
		return nil
	}
	if err != nil || info.Mode().IsRegular() || info.Mode()&fs.ModeSymlink != 0 {
		return err
	}
	return &ExistsError{Path: target, NoDatabase: true, Folder: info.IsDir()}
}

// onlyCursor tells whether the log folder of the database that was at target has
// nothing but our cursor: it held the log of a database that is gone.
func onlyCursor(target string) bool {
	entries, err := os.ReadDir(grafeo.LogDir(target))
	if err != nil || disk.Exists(target) {
		return false
	}
	for _, e := range entries {
		if e.Name() != grafeo.CursorName && e.Name() != cursorTempName {
			return false
		}
	}
	c, err := readCursor(target)
	return err == nil && c != nil
}

// stage makes and locks the staging folder of target, and clears what a killed
// restore has left, but for what a journal names for this chain. The names of the
// folders above it are durable then. Without a chain nothing is kept.
func stage(d disk.Disk, target string, chain []manifest.Digest, every time.Duration) (*staging, error) {
	s := &staging{disk: d, target: target, folder: stagingFolder(target), access: private(-1, -1, false)}
	var err error
	s.made, err = disk.MkdirAll(d, filepath.Dir(target), 0o777) // the umask decides, as for any folder
	s.giveFolders()
	if err == nil {
		err = s.acquire()
	}
	if err == nil && chain != nil {
		s.journal = readJournal(d, s.folder, chain, every, disk.Exists(s.path(publishingName)))
	}
	if err == nil {
		err = s.recover()
	}
	if err != nil {
		_ = s.discard() // the error that matters is on its way
		return nil, err
	}
	return s, nil
}

// giveFolders gives the folders that were made, the innermost of which comes first, the
// owner and the group of the one that was there.
func (s *staging) giveFolders() {
	if len(s.made) == 0 {
		return
	}
	beside, inside := accessesBeside(filepath.Dir(s.made[len(s.made)-1])), ""
	for _, dir := range s.made {
		beside.applyFolder(access{beside.image.user, beside.image.group, fs.ModePerm, false}, dir, inside)
		inside = filepath.Base(dir)
	}
}

// acquire locks the folder. Another restore may remove the folder, and the lock
// with it, after we have opened it: then it is made anew.
func (s *staging) acquire() error {
	for {
		if err := s.disk.Mkdir(s.folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := s.takeOver(); err != nil {
			return err
		}
		lock, err := s.disk.OpenFile(s.path(lockName), os.O_RDWR|os.O_CREATE, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		locked, err := disk.TryLock(lock)
		if err == nil && locked && disk.IsStill(s.path(lockName), lock) {
			s.lock = lock
			return nil
		}
		_ = lock.Close()
		if err != nil {
			return err
		}
		if !locked {
			return &TargetBusyError{Target: s.target}
		}
	}
}

// recover takes back what was published without the rest, and removes everything
// else that a restore has left, but for what the journal goes on with.
func (s *staging) recover() error {
	if disk.Exists(s.path(publishingName)) {
		if err := s.takeBack(); err != nil {
			return err
		}
		// The mark goes first of what is left, and for good: it says what the rest
		// means. Without it, what a journal names would be gone on with.
		if disk.Exists(s.path(journalName)) {
			if err := s.disk.Remove(s.path(journalName)); err != nil {
				return err
			}
			if err := s.disk.Sync(s.folder); err != nil {
				return err
			}
		}
		if err := s.disk.Remove(s.path(publishingName)); err != nil {
			return err
		}
		if err := s.disk.Sync(s.folder); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == lockName || slices.Contains(s.resumable(), e.Name()) {
			continue
		}
		if err := disk.RemoveAll(s.disk, s.path(e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// resumable are the names in the staging folder with what earlier runs have left.
// Spilled vectors are kept for the very same chain only: a longer one may have
// others, and all that is staged is published.
func (s *staging) resumable() []string {
	switch {
	case !s.journal.goesOn():
		return nil
	case s.journal.same:
		return []string{journalName, imageFile, walFolder, databaseFolder, spillFolder}
	}
	return []string{journalName, imageFile, walFolder, databaseFolder}
}

// heldBack is the part of the files with these names that is written last.
func (s *staging) heldBack(names []string) heldBack {
	return heldBack{slices.Index(names, manifest.ImageName), headerBytes}
}

func (s *staging) path(name string) string { return filepath.Join(s.folder, name) }

// logFolder is where the log is staged.
func (s *staging) logFolder() string {
	if s.directory {
		return filepath.Join(s.path(databaseFolder), grafeo.DirectoryLog)
	}
	return s.path(walFolder)
}

// create makes one of the database's files with its final size, all zeros.
func (s *staging) create(name string, bytes int64) (disk.File, error) {
	path, err := s.place(name)
	if err != nil {
		return nil, err
	}
	access := s.access.logFile
	switch {
	case name == manifest.ImageName:
		s.first = make([]byte, min(bytes, headerBytes))
		access = s.access.image
	case manifest.IsSpillName(name):
		access = s.access.spillFile
	}
	flags := os.O_RDWR | os.O_CREATE | os.O_EXCL
	if s.journal.goesOn() {
		flags &^= os.O_EXCL
	}
	f, err := s.disk.OpenFile(path, flags, access.created(false))
	if err != nil {
		return nil, err
	}
	s.access.apply(access, f)
	err = f.Truncate(bytes)
	if err == nil && s.journal.goesOn() && name == manifest.ImageName {
		_, err = f.WriteAt(make([]byte, len(s.first)), 0) // whatever was on its way there
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// place returns the path of one of the database's files, in a folder that is there.
func (s *staging) place(name string) (string, error) {
	switch {
	case name == manifest.ImageName:
		return s.path(imageFile), nil
	case manifest.IsSpillName(name):
		return s.placeSpilled(name)
	}
	if s.directory {
		if err := s.makeFolder(s.path(databaseFolder), s.access.directory); err != nil {
			return "", err
		}
	}
	return filepath.Join(s.logFolder(), name), s.makeFolder(s.logFolder(), s.access.log)
}

// makeFolder makes a folder of the database, unless it is there.
func (s *staging) makeFolder(path string, a access) error {
	err := s.disk.Mkdir(path, a.created(true))
	if err == nil {
		s.access.applyFolder(a, path, "")
	}
	if errors.Is(err, fs.ErrExist) {
		if s.journal.goesOn() { // an earlier restore may have made it for another place
			s.access.applyAgain(a, path)
		}
		return nil
	}
	return err
}

// writeImage writes a part of the image, but for its first page, which it
// keeps. Calls with different parts may be concurrent.
func (s *staging) writeImage(f io.WriterAt, offset int64, p []byte) error {
	if offset < int64(len(s.first)) {
		n := copy(s.first[offset:], p)
		offset, p = offset+int64(n), p[n:]
	}
	_, err := f.WriteAt(p, offset)
	return err
}

// discard removes the staging folder and gives up the lock. An error says that
// something of it is still there, which the next restore clears.
func (s *staging) discard() error {
	s.journal.close()
	s.journal = nil
	var err error
	if s.lock != nil {
		if err = s.recover(); err == nil {
			// The lock's file goes while it is held: whoever opened it before
			// notices in acquire.
			err = s.disk.Remove(s.path(lockName))
		}
		defer s.lock.Close() //nolint:errcheck // it was only locked
	}
	if err == nil {
		_ = s.disk.Remove(s.folder) // fails where another restore has locked it already
		for _, dir := range s.made {
			_ = s.disk.Remove(dir) // fails where the restored database is, as it should
		}
	}
	return err
}

// absent is nil if nothing is at the path of a folder that is to be made.
func absent(folder string) error {
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
