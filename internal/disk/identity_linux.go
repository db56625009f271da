package disk

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Identity returns a string that identifies a file for its life: one that is removed and
// made again under the same name has another identity. It is "" if the file system does
// not record when a file was made.
func Identity(path string) string { return identityAt(unix.AT_FDCWD, path, 0) }

// IdentityOf is [Identity] for a file that is open, whatever has become of its name.
func IdentityOf(f *os.File) string { return identityAt(int(f.Fd()), "", unix.AT_EMPTY_PATH) }

func identityAt(dir int, path string, flags int) string {
	var s unix.Statx_t
	err := unix.Statx(dir, path, flags, unix.STATX_INO|unix.STATX_BTIME, &s)
	if err != nil || s.Mask&unix.STATX_BTIME == 0 {
		return ""
	}
	return fmt.Sprintf("%x-%x-%x.%x", uint64(s.Dev_major)<<32|uint64(s.Dev_minor), s.Ino, s.Btime.Sec, s.Btime.Nsec)
}
