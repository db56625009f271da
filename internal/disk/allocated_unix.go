//go:build unix

package disk

import (
	"io/fs"
	"syscall"
)

// Allocated returns how many bytes of the disk a file takes: less than its size if it has
// holes.
func Allocated(info fs.FileInfo) int64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * 512
	}
	return info.Size()
}
