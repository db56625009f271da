package disk

import (
	"os"

	"golang.org/x/sys/unix"
)

// compressing are file systems on which more may fit than there are bytes.
var compressing = map[int64]bool{
	unix.BTRFS_SUPER_MAGIC: true, unix.F2FS_SUPER_MAGIC: true,
	0x2fc12fc1: true, // ZFS
	0xca451a4e: true, // bcachefs
}

func spaceOf(dir string) (Space, bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil || s.Blocks == 0 || s.Bfree > s.Blocks {
		return Space{}, false
	}
	unit, blocks := s.Frsize, s.Bavail
	if unit <= 0 {
		unit = s.Bsize
	}
	if os.Geteuid() == 0 {
		blocks = s.Bfree // what is reserved is for root
	}
	return Space{Free: int64(blocks) * unit, ForAnyone: int64(s.Bavail) * unit, Total: int64(s.Blocks) * unit, Sure: !compressing[s.Type]}, true
}
