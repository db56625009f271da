package disk

import "golang.org/x/sys/unix"

// roomOf is not sure: APFS compresses, and shares its room with others.
func roomOf(dir string) (Room, bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil || s.Blocks == 0 || s.Bavail > s.Blocks {
		return Room{}, false
	}
	return Room{Free: int64(s.Bavail) * int64(s.Bsize)}, true
}
