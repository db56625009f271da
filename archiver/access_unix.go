//go:build unix

package archiver

import (
	"io/fs"
	"os"
	"syscall"
)

// ownerOf returns the user and the group that a file belongs to.
func ownerOf(info fs.FileInfo) (user, group int, known bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, -1, false
	}
	return int(s.Uid), int(s.Gid), true
}

// openFolder opens a folder, and nothing that a link in its place points to.
func openFolder(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
}
