package archiver

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// keeps reports whether what was fetched is left for the next restore after err:
// not if the disk is what is at fault, whose room others need, nor once publishing
// has begun. fromStore says that err is the store's.
func (s *staging) keeps(err error, fromStore bool) bool {
	if s.journal == nil || s.spoiled || disk.Exists(s.path(publishingName)) {
		return false
	}
	var room *RoomError
	if errors.As(err, &room) { // nothing was written
		return s.journal.goesOn()
	}
	for _, local := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS, syscall.EIO} {
		if errors.Is(err, local) && !fromStore {
			return false
		}
	}
	return s.journal.fetched() >= worthKeeping || s.journal.goesOn()
}

// leave gives up the lock, and leaves what was fetched with its journal. It returns
// err, and what that means for whoever gets it.
func (s *staging) leave(err error, total int64) error {
	s.journal.close()
	what := "what an earlier run had fetched"
	if s.journal.kept > 0 {
		what = fmt.Sprintf("of %d bytes %d were fetched and checked, which", total, s.journal.kept)
	}
	if s.lock != nil {
		_ = s.lock.Close() // it was only locked
	}
	return fmt.Errorf("%w; %s is kept in %s, and the next restore of this state to this path goes on from there. To give it up, remove that folder", err, what, s.folder)
}
