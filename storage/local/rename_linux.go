package local

import (
	"os"

	"golang.org/x/sys/unix"
)

// renameNew renames a file unless newPath exists, on file systems without hard
// links (exFAT, some network and FUSE mounts).
func renameNew(oldPath, newPath string) error {
	err := unix.Renameat2(unix.AT_FDCWD, oldPath, unix.AT_FDCWD, newPath, unix.RENAME_NOREPLACE)
	return os.NewSyscallError("renameat2", err)
}
