package disk

import (
	"os"
	"path/filepath"
)

// Space is what the file system at a path has left for this process.
type Space struct {
	Free      int64 // bytes
	ForAnyone int64 // the part of Free that is not kept for an administrator
	Total     int64 // bytes of the whole file system

	// Sure is true if what is larger than Free certainly does not fit: the file system
	// does not compress.
	Sure bool
}

// SpaceAt returns the space in the file system that path is in, or will be in. ok is false if
// the file system does not say, or says something impossible: some report zeros.
func SpaceAt(path string) (space Space, ok bool) {
	for dir := path; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			space, ok = spaceOf(dir)
			return space, ok && space.Free > 0
		}
		if dir == filepath.Dir(dir) {
			return Space{}, false
		}
	}
}
