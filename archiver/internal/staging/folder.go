package staging

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
	"github.com/gbak-s3/gbak-s3/archiver/internal/hold"
	"github.com/gbak-s3/gbak-s3/archiver/internal/resume"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Folder is the hidden folder beside a target in which a database is put
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
type Folder struct {
	Disk   disk.Disk
	Target string
	Folder string
	lock   disk.File
	first  []byte   // the image's first page, held back
	made   []string // folders above the target that were not there, the lowest first

	Access    accesses      // of what is made, set before anything is
	Directory bool          // the database is one (0.5)
	Journal   *resume.Notes // of what is fetched into it; nil if nothing of it is to stay

	ImageFirst bool // of the two names
	Spoiled    bool // what is staged is not what was to be
	failed     bool // what is published is to be taken back, even if it is whole
}

const (
	lockName       = "lock"
	ImageFile      = "image"
	WalFolder      = "wal"
	SpillFolder    = "spill"
	DatabaseFolder = "database"
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

func PathOf(target string) string {
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
		return e.Path + " exists already, and is not a file"
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

// CheckAbsent is nil if nothing is at target, else an [*ExistsError]: to restore beside files of
// an old database would mix the two.
func CheckAbsent(target string) error {
	for _, path := range grafeo.Companions(target) {
		_, err := os.Lstat(path)
		if err == nil && path == grafeo.LogDir(target) && onlyCursor(target) {
			continue
		}
		if err == nil && path == grafeo.SpillDir(target) && disk.IsEmptyFolder(path) {
			continue
		}
		if err == nil {
			if err := CheckMovable(target); err != nil {
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

// CheckMovable is nil if what is at target may be moved aside: a file, a link, which is
// moved itself, or a directory that is a database. Another folder is most often a
// mistake for a path in it, and may hold anything.
func CheckMovable(target string) error {
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
	files, err := os.ReadDir(grafeo.LogDir(target))
	if err != nil || disk.Exists(target) {
		return false
	}
	for _, f := range files {
		if f.Name() != grafeo.CursorName && f.Name() != hold.CursorTempName {
			return false
		}
	}
	holds, err := hold.Read(target)
	return err == nil && len(holds) > 0
}

// Open makes and locks the staging folder of target, and clears what a killed
// restore has left, but for what a journal names for this chain. The names of the
// folders above it are durable then. Without a chain nothing is kept.
func Open(d disk.Disk, target string, chain []manifest.Digest, every time.Duration) (*Folder, error) {
	s := &Folder{Disk: d, Target: target, Folder: PathOf(target), Access: private(-1, -1, false)}
	var err error
	s.made, err = disk.MkdirAll(d, filepath.Dir(target), 0o777) // the umask decides, as for any folder
	s.giveFolders()
	if err == nil {
		err = s.acquire()
	}
	if err == nil && chain != nil {
		s.Journal = resume.Read(d, s.Folder, chain, every, disk.Exists(s.Path(publishingName)))
	}
	if err == nil {
		err = s.recover()
	}
	if err != nil {
		_ = s.Discard() // the error that matters is on its way
		return nil, err
	}
	return s, nil
}

// giveFolders gives the folders that were made, the innermost of which comes first, the
// owner and the group of the one that was there.
func (s *Folder) giveFolders() {
	if len(s.made) == 0 {
		return
	}
	beside, inside := AccessesBeside(filepath.Dir(s.made[len(s.made)-1])), ""
	for _, dir := range s.made {
		beside.applyFolder(access{beside.Image.user, beside.Image.group, fs.ModePerm, false}, dir, inside)
		inside = filepath.Base(dir)
	}
}

// acquire locks the folder. Another restore may remove the folder, and the lock
// with it, after we have opened it: then it is made anew.
func (s *Folder) acquire() error {
	for {
		if err := s.Disk.Mkdir(s.Folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := s.takeOver(); err != nil {
			return err
		}
		lock, err := s.Disk.OpenFile(s.Path(lockName), os.O_RDWR|os.O_CREATE, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		locked, err := disk.TryLock(lock)
		if err == nil && locked && disk.IsStill(s.Path(lockName), lock) {
			s.lock = lock
			return nil
		}
		_ = lock.Close()
		if err != nil {
			return err
		}
		if !locked {
			return &TargetBusyError{Target: s.Target}
		}
	}
}

// recover takes back what was published without the rest, and removes everything
// else that a restore has left, but for what the journal goes on with.
func (s *Folder) recover() error {
	if disk.Exists(s.Path(publishingName)) {
		if err := s.takeBack(); err != nil {
			return err
		}
		// The mark goes first of what is left, and for good: it says what the rest
		// means. Without it, what a journal names would be gone on with.
		if disk.Exists(s.Path(resume.FileName)) {
			if err := s.Disk.Remove(s.Path(resume.FileName)); err != nil {
				return err
			}
			if err := s.Disk.Sync(s.Folder); err != nil {
				return err
			}
		}
		if err := s.Disk.Remove(s.Path(publishingName)); err != nil {
			return err
		}
		if err := s.Disk.Sync(s.Folder); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(s.Folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == lockName || slices.Contains(s.resumable(), e.Name()) {
			continue
		}
		if err := disk.RemoveAll(s.Disk, s.Path(e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// resumable are the names in the staging folder with what earlier runs have left.
// Spilled vectors are kept for the very same chain only: a longer one may have
// others, and all that is staged is published.
func (s *Folder) resumable() []string {
	switch {
	case !s.Journal.Resumes():
		return nil
	case s.Journal.Same:
		return []string{resume.FileName, ImageFile, WalFolder, DatabaseFolder, SpillFolder}
	}
	return []string{resume.FileName, ImageFile, WalFolder, DatabaseFolder}
}

// HeldBack is the part of the files with these names that is written last.
func (s *Folder) HeldBack(names []string) resume.HeldBack {
	return resume.HeldBack{File: slices.Index(names, manifest.ImageName), Bytes: headerBytes}
}

func (s *Folder) Path(name string) string { return filepath.Join(s.Folder, name) }

// LogFolder is where the log is staged.
func (s *Folder) LogFolder() string {
	if s.Directory {
		return filepath.Join(s.Path(DatabaseFolder), grafeo.DirectoryLog)
	}
	return s.Path(WalFolder)
}

// Create makes one of the database's files with its final size, all zeros.
func (s *Folder) Create(name string, bytes int64) (disk.File, error) {
	path, err := s.place(name)
	if err != nil {
		return nil, err
	}
	access := s.Access.logFile
	switch {
	case name == manifest.ImageName:
		s.first = make([]byte, min(bytes, headerBytes))
		access = s.Access.Image
	case manifest.IsSpillName(name):
		access = s.Access.spillFile
	}
	flags := os.O_RDWR | os.O_CREATE | os.O_EXCL
	if s.Journal.Resumes() {
		flags &^= os.O_EXCL
	}
	f, err := s.Disk.OpenFile(path, flags, access.Created(false))
	if err != nil {
		return nil, err
	}
	s.Access.Apply(access, f)
	err = f.Truncate(bytes)
	if err == nil && s.Journal.Resumes() && name == manifest.ImageName {
		_, err = f.WriteAt(make([]byte, len(s.first)), 0) // whatever was on its way there
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// place returns the path of one of the database's files, in a folder that is there.
func (s *Folder) place(name string) (string, error) {
	switch {
	case name == manifest.ImageName:
		return s.Path(ImageFile), nil
	case manifest.IsSpillName(name):
		return s.placeSpilled(name)
	}
	if s.Directory {
		if err := s.MakeFolder(s.Path(DatabaseFolder), s.Access.directory); err != nil {
			return "", err
		}
	}
	return filepath.Join(s.LogFolder(), name), s.MakeFolder(s.LogFolder(), s.Access.Log)
}

// MakeFolder makes a folder of the database, unless it is there.
func (s *Folder) MakeFolder(path string, a access) error {
	err := s.Disk.Mkdir(path, a.Created(true))
	if err == nil {
		s.Access.applyFolder(a, path, "")
	}
	if errors.Is(err, fs.ErrExist) {
		if s.Journal.Resumes() { // an earlier restore may have made it for another place
			s.Access.applyAgain(a, path)
		}
		return nil
	}
	return err
}

// WriteImage writes a part of the image, but for its first page, which it
// keeps. Calls with different parts may be concurrent.
func (s *Folder) WriteImage(f io.WriterAt, offset int64, p []byte) error {
	if offset < int64(len(s.first)) {
		n := copy(s.first[offset:], p)
		offset, p = offset+int64(n), p[n:]
	}
	_, err := f.WriteAt(p, offset)
	return err
}

// Discard removes the staging folder and gives up the lock. An error says that
// something of it is still there, which the next restore clears.
func (s *Folder) Discard() error {
	s.Journal.Close()
	s.Journal = nil
	var err error
	if s.lock != nil {
		if err = s.recover(); err == nil {
			// The lock's file goes while it is held: whoever opened it before
			// notices in acquire.
			err = s.Disk.Remove(s.Path(lockName))
		}
		defer disk.CloseRead(s.lock)
	}
	if err == nil {
		_ = s.Disk.Remove(s.Folder) // fails where another restore has locked it already
		for _, dir := range s.made {
			_ = s.Disk.Remove(dir) // fails where the restored database is, as it should
		}
	}
	return err
}

// CheckNothingAt is nil if nothing is at the path of a folder that is to be made.
func CheckNothingAt(folder string) error {
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
