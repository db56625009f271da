// Package shared opens files in a way that is in nobody's way: whoever they belong to can rename, replace
// and remove them meanwhile. On Windows, [os.Open] would prevent that; the files of databases, the objects
// of archives and our own files are opened by this package. On the other systems it is the same.
package shared

import (
	"io/fs"
	"os"
)

// Open opens a file for reading.
func Open(path string) (*os.File, error) { return openFile(path, os.O_RDONLY, 0) }

// OpenFile is [os.OpenFile], without O_APPEND.
func OpenFile(path string, flag int, mode fs.FileMode) (*os.File, error) {
	return openFile(path, flag, mode)
}
