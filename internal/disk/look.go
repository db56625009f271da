package disk

import (
	"io"
	"os"

	"github.com/gbak-s3/gbak-s3/internal/shared"
)

// Exists reports whether there is anything at path, be it a link to nothing.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// IsFolder reports whether path is a folder, or a link to one.
func IsFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// IsEmptyFolder reports whether path is a folder that has nothing in it.
func IsEmptyFolder(path string) bool {
	entries, err := os.ReadDir(path)
	return err == nil && len(entries) == 0
}

// IsSame reports whether two paths lead to the same file or folder.
func IsSame(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// IsStill reports whether the file at path is the one that f has open: it may have
// been removed or replaced since f was opened.
func IsStill(path string, f File) bool {
	at, err := os.Lstat(path)
	if err != nil {
		return false
	}
	open, err := f.Stat()
	return err == nil && os.SameFile(at, open)
}

// ReadUpTo reads the first limit bytes of a file, or all of a shorter one.
func ReadUpTo(path string, limit int64) ([]byte, error) {
	f, err := shared.Open(path)
	if err != nil {
		return nil, err
	}
	defer CloseRead(f)
	return io.ReadAll(io.LimitReader(f, limit))
}

// CloseRead closes a file that was only read or locked: an error could not lose anything.
func CloseRead(f io.Closer) { _ = f.Close() }
