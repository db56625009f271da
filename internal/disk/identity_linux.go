package disk

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Identity returns a string that identifies a file for its life: one that is removed and
// made again under the same name has another identity. It is "" if the file system does
// not record when a file was made.
func Identity(path string) string {
	var s unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_INO|unix.STATX_BTIME, &s)
	if err != nil || s.Mask&unix.STATX_BTIME == 0 {
		return ""
	}
	return fmt.Sprintf("%x-%x-%x.%x", uint64(s.Dev_major)<<32|uint64(s.Dev_minor), s.Ino, s.Btime.Sec, s.Btime.Nsec)
}
