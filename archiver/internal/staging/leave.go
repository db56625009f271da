package staging

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/gbak-s3/gbak-s3/archiver/internal/resume"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/errno"
)

// SetResumable records whether the staged files are as the notes describe them. At first
// they are; while a log is being cut, for example, they are not.
func (s *Folder) SetResumable(is bool) { s.isSpoiled = !is }

// Keep decides whether what was fetched is left for the next restore after err, and if
// so, makes it durable. fromStore says that err is the store's.
func (s *Folder) Keep(err error, fromStore bool) bool {
	if !s.isWorthKeeping(err, fromStore) {
		return false
	}
	s.Notes.Flush()
	return s.isWorthKeeping(err, fromStore) // what could not be made durable does not count
}

// isWorthKeeping reports whether enough was fetched. Nothing is kept if the disk is at
// fault, because others need the space, nor once publishing has begun.
func (s *Folder) isWorthKeeping(err error, fromStore bool) bool {
	if s.Notes == nil || s.isSpoiled || disk.Exists(s.Path(publishingName)) {
		return false
	}
	if _, ok := errors.AsType[*SpaceError](err); ok { // nothing was written
		return s.Notes.Resumes()
	}
	if !fromStore && errno.Is(err, syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS, syscall.EIO) {
		return false
	}
	return s.Notes.Fetched() >= resume.WorthKeeping || s.Notes.Resumes()
}

// Leave releases the lock, and leaves what was fetched, of total bytes, with its notes.
// It returns err, and adds what stays and how to continue.
func (s *Folder) Leave(err error, total int64) error {
	s.Notes.Close()
	what := "what an earlier run fetched"
	if kept := s.Notes.Kept(); kept > 0 {
		what = fmt.Sprintf("what was fetched and checked, %d of %d bytes,", kept, total)
	}
	if s.lock != nil {
		disk.CloseRead(s.lock)
	}
	return fmt.Errorf("%w; %s is kept in %s, and the next restore of this state to this path continues from there. "+
		"To give it up, remove that folder", err, what, s.Dir)
}

// HasLeftover reports whether a restore to target is running, or was killed or failed and
// has left something.
func HasLeftover(target string) bool { return disk.Exists(DirOf(target)) }

// Settle makes the target say what it is: if a restore was killed while it published, it
// takes back what was published, unless that was all. What else a restore has left stays,
// and is resumed or removed by the next one.
func Settle(d disk.Disk, target string) error {
	if !disk.Exists(filepath.Join(DirOf(target), publishingName)) {
		return nil
	}
	s, err := Open(d, target, Options{})
	if err == nil {
		disk.CloseRead(s.lock)
	}
	return err
}

// Clear settles the target, and removes everything that a restore has left.
func Clear(d disk.Disk, target string) error {
	if !HasLeftover(target) {
		return nil
	}
	s, err := Open(d, target, Options{})
	if err != nil {
		return err
	}
	return s.Discard()
}
