//go:build unix

package disk

import (
	"io/fs"
	"os"
	"syscall"
)

// OwnerOf returns the user and the group that a file belongs to.
func OwnerOf(info fs.FileInfo) (user, group int, known bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, -1, false
	}
	return int(s.Uid), int(s.Gid), true
}

// OpenFolder opens a folder, and nothing that a link in its place points to.
func OpenFolder(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
}
