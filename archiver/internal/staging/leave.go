package staging

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/gbak-s3/gbak-s3/archiver/internal/resume"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Keeps reports whether what was fetched is left for the next restore after err:
// not if the disk is what is at fault, whose room others need, nor once publishing
// has begun. fromStore says that err is the store's.
func (s *Folder) Keeps(err error, fromStore bool) bool {
	if s.Journal == nil || s.Spoiled || disk.Exists(s.Path(publishingName)) {
		return false
	}
	var room *RoomError
	if errors.As(err, &room) { // nothing was written
		return s.Journal.Resumes()
	}
	for _, local := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS, syscall.EIO} {
		if errors.Is(err, local) && !fromStore {
			return false
		}
	}
	return s.Journal.Fetched() >= resume.WorthKeeping || s.Journal.Resumes()
}

// Leave gives up the lock, and leaves what was fetched with its journal. It returns
// err, and what that means for whoever gets it.
func (s *Folder) Leave(err error, total int64) error {
	s.Journal.Close()
	what := "what an earlier run fetched"
	if s.Journal.Kept > 0 {
		what = fmt.Sprintf("of %d bytes, %d were fetched and checked;", total, s.Journal.Kept)
	}
	if s.lock != nil {
		_ = s.lock.Close() // it was only locked
	}
	return fmt.Errorf("%w; %s is kept in %s, and the next restore of this state to this path continues from there. To give it up, remove that folder", err, what, s.Folder)
}
