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
	"unicode/utf8"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// staging is the hidden folder beside a target in which a database is put
// together:
//
//	.people.grafeo.gbak-restore/
//	    lock         held as long as a restore works here; free after a crash
//	    image        the database file, its first page missing until the end
//	    wal/         its log
//	    publishing   there from when the log may be at the target already
//
// Publishing is two renames and the write of the image's first page. Their order
// is such that nothing opens before the last of them: 0.6 refuses a log without
// an image, so the image comes last and is whole; 0.5 makes a database of a lone
// log, so there the image comes first and gets its first page last. A crash
// between them leaves the mark, by which the next restore takes back what is
// there.
type staging struct {
	target string
	folder string
	lock   *os.File
	first  []byte   // the image's first page, held back
	made   []string // folders above the target that were not there, the lowest first

	imageFirst bool // of the two names
}

const (
	lockName       = "lock"
	imageFile      = "image"
	walFolder      = "wal"
	publishingName = "publishing"

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

// companions are the paths that belong to a database at target: to restore
// beside one of an old database would mix the two.
func companions(target string) []string {
	return []string{target, target + ".wal", target + ".checkpoint"}
}

// free is nil if nothing is at target, else [CodeTargetExists].
func free(target string) error {
	for _, path := range companions(target) {
		_, err := os.Lstat(path)
		if err == nil && path == grafeo.LogDir(target) && onlyCursor(target) {
			continue
		}
		if err == nil {
			return &Error{
				Code: CodeTargetExists,
				Err:  fmt.Errorf("%s exists already", path),
				Hint: "Restore to another path, or use --force to move what is there aside.",
			}
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

// movable is nil if what is at target may be moved aside: a file, or a link, which
// is moved itself. A folder is most often a mistake for a path in it, and may hold
// anything.
func movable(target string) error {
	info, err := os.Lstat(target)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || info.Mode().IsRegular() || info.Mode()&fs.ModeSymlink != 0 {
		return err
	}
	what := "no file"
	if info.IsDir() {
		what = "a folder"
	}
	return &Error{
		Code: CodeTargetExists,
		Err:  fmt.Errorf("%s exists already, and is %s", target, what),
		Hint: "Give the path that the database file is to have, such as people.grafeo; only a file is moved aside.",
	}
}

// onlyCursor tells whether the log folder of the database that was at target has
// nothing but our cursor: it held the log of a database that is gone.
func onlyCursor(target string) bool {
	entries, err := os.ReadDir(grafeo.LogDir(target))
	if err != nil || len(entries) != 1 || entries[0].Name() != cursorName {
		return false
	}
	_, err = os.Lstat(target)
	c, cursorErr := readCursor(target)
	return errors.Is(err, fs.ErrNotExist) && cursorErr == nil && c != nil
}

// publishing tells whether a restore to target was killed while it put the
// database there.
func publishing(target string) bool {
	_, err := os.Lstat(filepath.Join(stagingFolder(target), publishingName))
	return err == nil
}

// stage makes and locks the staging folder of target, and clears what a killed
// restore has left.
func stage(target string) (*staging, error) {
	s := &staging{target: target, folder: stagingFolder(target)}
	for dir := filepath.Dir(target); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			break
		}
		s.made = append(s.made, dir)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil { // the umask decides, as for any folder
		return nil, err
	}
	if err := s.acquire(); err != nil {
		return nil, err
	}
	if err := s.recover(); err != nil {
		_ = s.lock.Close()
		return nil, err
	}
	return s, nil
}

// acquire locks the folder. Another restore may remove the folder, and the lock
// with it, after we have opened it: then it is made anew.
func (s *staging) acquire() error {
	for {
		if err := os.Mkdir(s.folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		lock, err := os.OpenFile(s.path(lockName), os.O_RDWR|os.O_CREATE, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		locked, err := tryLock(lock)
		if err == nil && locked && names(s.path(lockName), lock) {
			s.lock = lock
			return nil
		}
		_ = lock.Close()
		if err != nil {
			return err
		}
		if !locked {
			return &Error{
				Code: CodeTargetBusy,
				Err:  fmt.Errorf("another restore to %s is running", s.target),
				Hint: "Wait for it, or restore to another path.",
			}
		}
	}
}

// names tells whether the file at path is still f.
func names(path string, f *os.File) bool {
	at, err := os.Lstat(path)
	if err != nil {
		return false
	}
	held, err := f.Stat()
	return err == nil && os.SameFile(at, held)
}

// recover takes back what was published without the rest, and removes everything
// else that a killed restore has left.
func (s *staging) recover() error {
	if publishing(s.target) {
		if err := s.takeBack(); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == lockName || e.Name() == publishingName {
			continue
		}
		if err := os.RemoveAll(s.path(e.Name())); err != nil {
			return err
		}
	}
	// Last, for it explains the rest.
	if err := os.Remove(s.path(publishingName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// takeBack ends a publication that was not finished: that is one whose image is
// not at the target, or is there without its first page.
func (s *staging) takeBack() error {
	_, err := os.Lstat(s.target)
	switch {
	case err == nil && headless(s.target):
		if err := os.Remove(s.target); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if _, err := os.Lstat(s.path(walFolder)); !errors.Is(err, fs.ErrNotExist) {
		return err // it was not published
	}
	err = os.Rename(grafeo.LogDir(s.target), s.path(walFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// headless tells whether the file at path has nothing in its first page.
func headless(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // it was only read
	page := make([]byte, headerBytes)
	_, err = io.ReadFull(f, page)
	return err == nil && !slices.ContainsFunc(page, func(b byte) bool { return b != 0 })
}

func (s *staging) path(name string) string { return filepath.Join(s.folder, name) }

// create makes one of the database's files with its final size, all zeros.
func (s *staging) create(name string, bytes int64) (*os.File, error) {
	path := s.path(imageFile)
	if name == manifest.ImageName {
		s.first = make([]byte, min(bytes, headerBytes))
	} else {
		if err := os.Mkdir(s.path(walFolder), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		path = filepath.Join(s.path(walFolder), name)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(bytes); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// writeImage writes a part of the image, but for its first page, which it
// keeps. Calls with different parts may be concurrent.
func (s *staging) writeImage(f *os.File, offset int64, p []byte) error {
	if offset < int64(len(s.first)) {
		n := copy(s.first[offset:], p)
		offset, p = offset+int64(n), p[n:]
	}
	_, err := f.WriteAt(p, offset)
	return err
}

// publish makes the staged database the one at the target. With force what is
// there is moved aside first, and publish tells to where.
func (s *staging) publish(force bool) (moved string, err error) {
	if err := s.syncLog(); err != nil {
		return "", err
	}
	if force {
		if moved, err = setAside(s.target); err != nil {
			return "", err
		}
	} else if onlyCursor(s.target) {
		if err := removeCursor(s.target); err != nil {
			return "", err
		}
	}
	mark, err := os.OpenFile(s.path(publishingName), os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		err = errors.Join(mark.Sync(), mark.Close())
	}
	if err == nil {
		err = syncFolder(s.folder)
	}
	if err != nil {
		return moved, err
	}
	if _, err := os.Lstat(s.path(walFolder)); errors.Is(err, fs.ErrNotExist) || !s.imageFirst {
		return moved, s.imageLast()
	}
	return moved, s.pageLast()
}

// imageLast puts first the log and then the image, whole, at the target.
func (s *staging) imageLast() error {
	if err := s.complete(s.path(imageFile)); err != nil {
		return err
	}
	parent, log := filepath.Dir(s.target), grafeo.LogDir(s.target)
	err := os.Rename(s.path(walFolder), log)
	if errors.Is(err, fs.ErrNotExist) {
		if err := moveNew(s.path(imageFile), s.target); err != nil {
			return err
		}
		return syncFolder(parent)
	}
	if err != nil {
		return appeared(log, err)
	}
	err = syncFolder(parent)
	if err == nil {
		err = moveNew(s.path(imageFile), s.target)
	}
	if err != nil {
		return errors.Join(err, os.Rename(log, s.path(walFolder)))
	}
	return syncFolder(parent)
}

// pageLast puts first the image without its first page and then the log at the
// target, and writes that page when both names are on disk.
func (s *staging) pageLast() error {
	log := grafeo.LogDir(s.target)
	if err := moveNew(s.path(imageFile), s.target); err != nil {
		return err
	}
	err := os.Rename(s.path(walFolder), log)
	if err != nil {
		return errors.Join(appeared(log, err), os.Remove(s.target))
	}
	if err := syncFolder(filepath.Dir(s.target)); err != nil {
		return err
	}
	return s.complete(s.target)
}

// syncLog makes the names in the staged log folder durable; its files are.
func (s *staging) syncLog() error {
	err := syncFolder(s.path(walFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// complete writes the page that makes the image at path a database, when all else
// of it is on disk.
func (s *staging) complete(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it is synced
	if _, err := f.WriteAt(s.first, 0); err != nil {
		return err
	}
	return f.Sync()
}

// moveNew gives the file from the name to, unless something has that name. A
// hard link does so in one step; a file system that has none makes it two.
func moveNew(from, to string) error {
	err := os.Link(from, to)
	switch {
	case err == nil:
		return os.Remove(from)
	case errors.Is(err, fs.ErrExist):
		return appeared(to, err)
	}
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return appeared(to, fs.ErrExist)
	}
	return os.Rename(from, to)
}

func appeared(path string, err error) error {
	return &Error{
		Code: CodeTargetExists,
		Err:  fmt.Errorf("%s has appeared during the restore: %w", path, err),
		Hint: "Somebody else has put it there. Restore to another path, or move it away.",
	}
}

// nameAside is the path for what is at target and has to make room: as much of its
// name as fits, and the time.
func nameAside(target string, now time.Time) string {
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

// setAside moves the database at target to a name of its own, unless a process
// has it open. It returns "" if there is none.
func setAside(target string) (string, error) {
	if err := movable(target); err != nil {
		return "", err
	}
	// Also behind a link: the log of a database that was opened by it is beside it.
	if info, err := os.Stat(target); err == nil && info.Mode().IsRegular() {
		// The database holds this lock as long as it is open.
		f, err := os.OpenFile(target, os.O_RDWR, 0)
		if err != nil {
			return "", err
		}
		defer f.Close() //nolint:errcheck // it was only locked
		locked, err := tryLock(f)
		if err != nil {
			return "", err
		}
		if !locked {
			return "", &Error{
				Code: CodeTargetBusy,
				Err:  fmt.Errorf("%s is open in another process", target),
				Hint: "Close the database there first, or restore to another path.",
			}
		}
	}
	aside := nameAside(target, time.Now())
	var moved string
	for i, path := range companions(target) {
		to := companions(aside)[i]
		err := os.Rename(path, to)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENAMETOOLONG) && i > 1 {
			continue
		}
		if err != nil {
			return moved, err
		}
		if moved == "" {
			moved = to
		}
	}
	return moved, syncFolder(filepath.Dir(target))
}

// discard removes the staging folder and gives up the lock.
func (s *staging) discard() {
	if err := s.recover(); err == nil {
		// The lock's file goes while it is held: whoever opened it before
		// notices in acquire.
		_ = os.Remove(s.path(lockName))
		_ = os.Remove(s.folder)
		for _, dir := range s.made {
			_ = os.Remove(dir) // fails where the restored database is, as it should
		}
	}
	_ = s.lock.Close()
}
