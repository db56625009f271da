//go:build unix

package disk

import (
	"io/fs"
	"syscall"
)

// Allocated is how many bytes of the disk a file takes: less than its size where it
// has holes.
func Allocated(info fs.FileInfo) int64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * 512
	}
	return info.Size()
}
