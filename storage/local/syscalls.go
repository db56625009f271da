package local

import (
	"io"
	"os"
)

// syscalls are the steps of a Put whose order and whose errors decide what a
// crash leaves. Tests replace them to see the one and make the other.
type syscalls struct {
	createTemp func(dir string) (tempFile, error)
	link       func(oldPath, newPath string) error
	rename     func(oldPath, newPath string) error
	renameNew  func(oldPath, newPath string) error // fs.ErrExist if newPath exists
	syncDir    func(dir string) error
}

// tempFile is an [os.File] that is written.
type tempFile interface {
	io.WriteCloser
	Name() string
	Sync() error
}

func realSyscalls() syscalls {
	return syscalls{
		// It uses O_EXCL and mode 0600.
		createTemp: func(dir string) (tempFile, error) { return os.CreateTemp(dir, "put-*") },
		link:       os.Link,
		rename:     os.Rename,
		renameNew:  renameNew,
		syncDir:    syncDir,
	}
}
