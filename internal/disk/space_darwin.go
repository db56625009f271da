package disk

import "golang.org/x/sys/unix"

// spaceOf is not sure: APFS compresses, and shares its space with others.
func spaceOf(dir string) (Space, bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil || s.Blocks == 0 || s.Bavail > s.Blocks {
		return Space{}, false
	}
	free := int64(s.Bavail) * int64(s.Bsize)
	return Space{Free: free, ForAnyone: free, Total: int64(s.Blocks) * int64(s.Bsize)}, true
}
