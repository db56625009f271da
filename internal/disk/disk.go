// Package disk is how files and folders are changed, so that changes survive a crash, and
// how they are told apart, locked and measured.
//
// A step is one change: a file is created, written, renamed, removed. A step is
// visible to every process at once, but it is durable, and survives a loss of power,
// only after a sync: of the file for its bytes, of its folder for its name. What is
// promised about crashes is promised about the order of steps, so everything that must
// survive one goes through a [Disk]. Package disktest has disks that stop, fail and
// lose power.
//
// Reading needs no Disk. The other functions identify files and show whether they have
// changed ([Identity], [State], [IsSame], [IsStill]), whom they belong to ([OwnerOf],
// [GiveTo]) and how much space is left ([SpaceAt]), and take locks that end with the process
// ([TryLock], [LockFolder]). Systems differ in all of these: each function says what it
// does where there is no such thing.
package disk

import (
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/gbak-s3/gbak-s3/internal/shared"
)

// Disk changes files and folders. Every process sees the result of a step at once, also
// after the end of this one. After a loss of power only what was synced is certain: the
// bytes of a file by [File.Sync], its name by Sync of its folder.
type Disk interface {
	OpenFile(path string, flag int, mode fs.FileMode) (File, error) // as [os.OpenFile]
	Truncate(path string, size int64) error
	Chmod(path string, mode fs.FileMode) error
	Chown(path string, user, group int) error
	Mkdir(path string, mode fs.FileMode) error
	Link(from, to string) error
	Rename(from, to string) error
	RenameNew(from, to string) error // fs.ErrExist if to exists, errors.ErrUnsupported where there is no such step
	Remove(path string) error
	RemoveFolder(path string) error // only an empty folder, never a file
	Sync(folder string) error       // makes the names in a folder durable
}

// File is an open file, as far as it is changed: an [os.File] is one.
type File interface {
	io.Writer
	io.WriterAt
	io.Closer
	Name() string
	Fd() uintptr
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	Chmod(mode fs.FileMode) error
	Chown(user, group int) error
	Sync() error
}

// OS is the disk of the operating system.
type OS struct{}

var _ Disk = OS{}

// OpenFile is [os.OpenFile]. Also on Windows, the file can be renamed and removed while it is open.
func (OS) OpenFile(path string, flag int, mode fs.FileMode) (File, error) {
	return opened(shared.OpenFile(path, flag, mode))
}

// opened prevents a nil pointer from becoming a File that is not nil.
func opened(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Truncate is [os.Truncate].
func (OS) Truncate(path string, size int64) error { return os.Truncate(path, size) }

// Chmod is [os.Chmod].
func (OS) Chmod(path string, mode fs.FileMode) error { return os.Chmod(path, mode) }

// Chown is [os.Chown].
func (OS) Chown(path string, user, group int) error { return os.Chown(path, user, group) }

// Mkdir is [os.Mkdir].
func (OS) Mkdir(path string, mode fs.FileMode) error { return os.Mkdir(path, mode) }

// Link is [os.Link].
func (OS) Link(from, to string) error { return os.Link(from, to) }

// Rename is [os.Rename]. On Windows, it and Remove wait for two seconds at most for other processes that
// have the file open.
func (OS) Rename(from, to string) error { return rename(from, to) }

// RenameNew renames a file unless something has the new name, in one step.
func (OS) RenameNew(from, to string) error { return renameNew(from, to) }

// Remove is [os.Remove].
func (OS) Remove(path string) error { return remove(path) }

// RemoveFolder is [syscall.Rmdir]: [os.Remove] would remove a file, too.
func (OS) RemoveFolder(path string) error {
	if err := syscall.Rmdir(path); err != nil {
		return &fs.PathError{Op: "rmdir", Path: path, Err: err}
	}
	return nil
}

// Sync makes the names in a folder durable, if the system has a call for that.
func (OS) Sync(folder string) error { return syncFolder(folder) }
