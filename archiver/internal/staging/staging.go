// Package staging puts a database together in a hidden folder beside its target, and
// publishes it there when it is whole.
//
// The target is the path that the database is to have. What belongs to it, its companions,
// are the image (or the directory that the database is), the log folder and the spill
// folder. The staging folder has
//
//	.people.grafeo.gbak-restore/
//	    lock         held as long as a restore works here; free after a crash
//	    image        the database file, its first page missing until the end
//	    wal/         its log
//	    spill/       its spilled vectors
//	    database/    or all of a database that is a directory
//	    journal      the notes: which parts of them are fetched (package resume)
//	    publishing   the mark: exists from before anything changes at the target
//
// Without its first page an image is headless: no Grafeo opens it. To publish is to move
// the staged files to the target, and what was there aside. A blocker, a headless page at
// the target, keeps Grafeo 0.5 from making a database of a lone log meanwhile. After a
// crash, the next restore reads the mark and takes back what was published, unless all of
// it was. It resumes what the notes name, if it restores the same state, and removes
// everything else.
//
// The package does not know the store, nor where the bytes come from.
package staging

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/access"
	"github.com/gbak-s3/gbak-s3/archiver/internal/resume"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Folder is the staging folder of a target, which it has locked. It is not for concurrent
// use, except [Folder.WriteImage].
type Folder struct {
	Disk   disk.Disk
	Target string
	Dir    string        // path of the staging folder
	Notes  *resume.Notes // of what is fetched into it; nil if nothing of it is to stay

	lock disk.File
	made []string // folders above the target that were made, the innermost first

	isDirectory bool       // the database is one (0.5)
	imageFirst  bool       // the image gets its name before the log does
	replace     bool       // what is at the target is moved aside
	access      access.Set // of what is made
	first       []byte     // the image's first page, held back

	isSpoiled bool // what is staged is not what the notes say
	isFailed  bool // what is published is to be taken back, even if it is whole
}

// Options say what is staged, and what becomes of it.
type Options struct {
	// Database is the database that will be; nil if [Folder.Publish] is not used.
	Database *manifest.Database

	// Replace makes Publish move aside what is at the target. What is made gets the
	// owner, group and mode of that, and otherwise what suits the folder above.
	Replace bool

	// Chain has the digests of the manifests that the state is of, and Segments how many
	// segments are of these up to each. What is fetched may stay for a later restore of
	// the same chain, or one that begins like it; with nil, nothing stays.
	Chain    []manifest.Digest
	Segments []int

	// SyncEvery is how often fetched bytes are made durable, so that they can stay.
	SyncEvery time.Duration
}

// Names in the staging folder that others need.
const (
	ImageFile      = "image"
	LogFolder      = "wal"
	SpillFolder    = "spill"
	DatabaseFolder = "database"
)

const (
	lockName       = "lock"
	cursorFolder   = "cursor" // the log folder of a database that is gone
	blockerName    = "blocker"
	publishingName = "publishing"
	publishingTemp = "publishing.tmp"

	// headerBytes is the part of the image without which it is no database: its first
	// page, with the magic number.
	headerBytes = 4096

	// maxName is how long the name of a file may be, in bytes.
	maxName = 255
)

// DirOf returns the path of the staging folder of a target.
func DirOf(target string) string {
	name := "." + filepath.Base(target) + ".gbak-restore"
	if len(name) > maxName {
		sum := sha256.Sum256([]byte(name))
		name = "." + hex.EncodeToString(sum[:]) + ".gbak-restore"
	}
	return filepath.Join(filepath.Dir(target), name)
}

// Open makes and locks the staging folder of target, and the folders above it. It takes
// back what a killed restore has published without the rest, and removes everything else
// that it has left, except what the notes name for this chain. The names of the folders
// are durable then. If another restore has the lock, that is a [*TargetBusyError].
func Open(d disk.Disk, target string, o Options) (*Folder, error) {
	s := &Folder{Disk: d, Target: target, Dir: DirOf(target), replace: o.Replace, access: access.Private(-1, -1, false)}
	if o.Database != nil {
		s.isDirectory = o.Database.IsDirectory()
		s.imageFirst = o.Database.Generation == string(grafeo.Gen05) && !s.isDirectory
	}
	var err error
	s.made, err = disk.MkdirAll(d, filepath.Dir(target), 0o777) // the umask decides, as for any folder
	giveFolders(s.made)
	if err == nil {
		s.lock, err = acquire(d, s.Dir, target)
	}
	if err == nil && o.Chain != nil {
		s.Notes = resume.Read(d, s.Dir, o.Chain, o.Segments, o.SyncEvery, disk.Exists(s.Path(publishingName)))
	}
	if err == nil {
		err = s.recover()
	}
	if err != nil {
		_ = s.Discard() // the first error matters more
		return nil, err
	}
	if s.access = access.Beside(filepath.Dir(target)); o.Replace {
		s.access = access.Like(target)
	}
	return s, nil
}

// giveFolders sets the owner and group of the folders that were created, the innermost
// first, to those of the folder above them.
func giveFolders(made []string) {
	if len(made) == 0 {
		return
	}
	beside, inside := access.Beside(filepath.Dir(made[len(made)-1])), ""
	for _, dir := range made {
		beside.ApplyFolder(beside.Image.WithFullMode(), dir, inside)
		inside = filepath.Base(dir)
	}
}

// acquire makes and locks the staging folder dir of target. Another restore may remove
// the folder, and the lock with it, after we have opened it: then it is created again.
func acquire(d disk.Disk, dir, target string) (disk.File, error) {
	path := filepath.Join(dir, lockName)
	for {
		if err := d.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if err := takeOver(d, dir); err != nil {
			return nil, err
		}
		lock, err := d.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		locked, err := disk.TryLock(lock)
		if err == nil && locked && disk.IsStill(path, lock) {
			return lock, nil
		}
		_ = lock.Close()
		if err != nil {
			return nil, err
		}
		if !locked {
			return nil, &TargetBusyError{Target: target}
		}
	}
}

// recover takes back what was published without the rest, and removes everything else
// that a restore has left, except what this one resumes.
func (s *Folder) recover() error {
	if disk.Exists(s.Path(publishingName)) {
		if err := takeBack(s); err != nil {
			return err
		}
		// The mark goes first of what is left, and for good: it says what the rest means.
		// Without it, what the notes name would be resumed.
		if disk.Exists(s.Path(resume.FileName)) {
			if err := s.Disk.Remove(s.Path(resume.FileName)); err != nil {
				return err
			}
			if err := s.Disk.Sync(s.Dir); err != nil {
				return err
			}
		}
		if err := s.Disk.Remove(s.Path(publishingName)); err != nil {
			return err
		}
		if err := s.Disk.Sync(s.Dir); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(s.Dir)
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

// resumable returns the names in the staging folder that this restore resumes. Spilled
// vectors are kept for the very same chain only: a longer one may have others, and all
// that is staged is published.
func (s *Folder) resumable() []string {
	switch {
	case !s.Notes.Resumes():
		return nil
	case s.Notes.IsSameChain():
		return []string{resume.FileName, ImageFile, LogFolder, DatabaseFolder, SpillFolder}
	}
	return []string{resume.FileName, ImageFile, LogFolder, DatabaseFolder}
}

// Discard takes back what was published if [Folder.Publish] has failed, removes the
// staging folder and releases the lock. After an error something of it is left, which the
// next restore removes.
func (s *Folder) Discard() error {
	s.Notes.Close()
	s.Notes = nil
	var err error
	if s.lock != nil {
		if err = s.recover(); err == nil {
			err = disk.EndLock(s.Disk, s.lock) // whoever opened it before notices in acquire
		} else {
			disk.CloseRead(s.lock)
		}
	}
	if err == nil {
		_ = s.Disk.Remove(s.Dir) // fails where another restore has locked it already
		for _, dir := range s.made {
			_ = s.Disk.Remove(dir) // fails where the restored database is, as it should
		}
	}
	return err
}
