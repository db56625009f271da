//go:build !unix

package disk

import "io/fs"

// Allocated is how many bytes of the disk a file takes, as far as that is known.
func Allocated(info fs.FileInfo) int64 { return info.Size() }
