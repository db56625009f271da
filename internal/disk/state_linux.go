package disk

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// settled is how long a file must have been left alone for its times to show the next
// change: in some file systems they advance in steps of two seconds.
const settled = 5 * time.Second

// State returns a string that changes with everything that is done to a file. It is "" if
// the file's times cannot show the next change, because they are only a few seconds
// before now.
func State(path string, now time.Time) string {
	var s unix.Statx_t
	const wanted = unix.STATX_INO | unix.STATX_SIZE | unix.STATX_MTIME | unix.STATX_CTIME
	if err := unix.Statx(unix.AT_FDCWD, path, 0, wanted, &s); err != nil || s.Mask&wanted != wanted {
		return ""
	}
	modified, changed := time.Unix(s.Mtime.Sec, int64(s.Mtime.Nsec)), time.Unix(s.Ctime.Sec, int64(s.Ctime.Nsec))
	if limit := now.Add(-settled); modified.After(limit) || changed.After(limit) {
		return ""
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", uint64(s.Dev_major)<<32|uint64(s.Dev_minor), s.Ino, s.Size, modified.UnixNano(), changed.UnixNano())
}
