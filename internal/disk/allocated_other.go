//go:build !unix

package disk

import "io/fs"

// Allocated returns the size of the file: how much of the disk it takes is not known on
// this system.
func Allocated(info fs.FileInfo) int64 { return info.Size() }
