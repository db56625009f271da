package procfs

import "golang.org/x/sys/unix"

// identify returns the device and inode of the file at path.
func identify(path string) (major, minor uint32, inode uint64, ok bool) {
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		return 0, 0, 0, false
	}
	dev := uint64(s.Dev) // which has another type on some platforms
	return unix.Major(dev), unix.Minor(dev), s.Ino, true
}
