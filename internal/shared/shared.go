// Package shared opens files in a way that is in nobody's way: whoever they belong to can rename, replace
// and remove them meanwhile. On Windows, [os.Open] would prevent that; the files of databases, the objects
// of archives and our own files are opened by this package. On the other systems it is the same.
package shared

import (
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Open opens a file for reading.
func Open(path string) (*os.File, error) { return openFile(path, os.O_RDONLY, 0) }

// OpenFile is [os.OpenFile], without O_APPEND.
func OpenFile(path string, flag int, mode fs.FileMode) (*os.File, error) {
	return openFile(path, flag, mode)
}

// ReadDir is [os.ReadDir] by Open: others may remove the folder meanwhile.
func ReadDir(path string) ([]fs.DirEntry, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	entries, err := f.ReadDir(-1)
	_ = f.Close() // nothing was written
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}
