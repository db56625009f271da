package archiver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

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
// Publishing is two renames, and the image comes last: a log without an image is
// no database, while an image without its log would be an old one. A crash
// between the two leaves the mark, by which the next restore takes the log back.
type staging struct {
	target string
	folder string
	lock   *os.File
	first  []byte // the image's first page, held back
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

func stagingFolder(target string) string {
	return filepath.Join(filepath.Dir(target), "."+filepath.Base(target)+".gbak-restore")
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
		if err == nil {
			return &Error{
				Code: CodeTargetExists,
				Err:  fmt.Errorf("%s exists already", path),
				Hint: "Restore to another path, or use --force to move what is there aside.",
			}
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
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
	if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil { // the umask decides, as for any folder
		return nil, err
	}
	s := &staging{target: target, folder: stagingFolder(target)}
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

// recover takes back a log that was published without its image, and removes
// everything else that a killed restore has left.
func (s *staging) recover() error {
	_, err := os.Lstat(s.target)
	if publishing(s.target) && errors.Is(err, fs.ErrNotExist) {
		published := s.target + ".wal"
		if _, err := os.Lstat(s.path(walFolder)); errors.Is(err, fs.ErrNotExist) {
			if err := os.Rename(published, s.path(walFolder)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
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
	if err := s.complete(); err != nil {
		return "", err
	}
	if force {
		if moved, err = setAside(s.target); err != nil {
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
	return moved, s.rename()
}

// rename puts first the log and then the image at the target.
func (s *staging) rename() error {
	parent, log := filepath.Dir(s.target), s.target+".wal"
	err := os.Rename(s.path(walFolder), log)
	withLog := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return appeared(log, err)
	}
	if withLog {
		err = syncFolder(parent)
	} else {
		err = nil
	}
	if err == nil {
		err = moveNew(s.path(imageFile), s.target)
	}
	if err != nil {
		if withLog {
			err = errors.Join(err, os.Rename(log, s.path(walFolder)))
		}
		return err
	}
	return syncFolder(parent)
}

// complete writes the page that makes the staged image a database, when all
// else of it is on disk.
func (s *staging) complete() error {
	f, err := os.OpenFile(s.path(imageFile), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it is synced
	if _, err := f.WriteAt(s.first, 0); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if _, err := os.Lstat(s.path(walFolder)); err == nil {
		return syncFolder(s.path(walFolder))
	}
	return nil
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

// setAside moves the database at target to a name of its own, unless a process
// has it open. It returns "" if there is none.
func setAside(target string) (string, error) {
	if _, err := os.Lstat(target); err == nil {
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
	aside := target + ".before-restore-" + time.Now().UTC().Format("20060102T150405.000Z")
	var moved string
	for i, path := range companions(target) {
		to := companions(aside)[i]
		err := os.Rename(path, to)
		if errors.Is(err, fs.ErrNotExist) {
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
	}
	_ = s.lock.Close()
}
